"""What the flows around another flow share."""

from epitaxy.flows.protocol import Componentwise, Correcting


def corrects(flow: Componentwise) -> bool:
    """Return whether the flow's sampler corrects states: by a size that ties their components together."""
    return isinstance(flow, Correcting) and flow.corrections > 0


def uncorrected_samplers(flow: Componentwise) -> tuple[str, ...]:
    """Return the flow's samplers that take nothing but steps."""
    return tuple(name for name in flow.samplers if not corrects(flow.with_sampler(name)))


def check_uncorrected(flow: Componentwise, samplers: str) -> None:
    """Refuse a flow whose sampler corrects.

    Raises:
        ValueError: if it does.

    """
    if corrects(flow):
        names = ", ".join(uncorrected_samplers(flow))
        raise ValueError(f"{samplers} take no corrections: choose a sampler of {names}")

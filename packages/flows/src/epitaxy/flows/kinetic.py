"""Kinetic Langevin ("trivialised") diffusion on a flat torus (KLDM, Sec. 3; Zhu et al. 2024)."""

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from epitaxy.flows._checks import check_number, check_option
from epitaxy.flows._rows import column, total
from epitaxy.flows._samplers import ChoiceOfSampler
from epitaxy.flows._types import PerRow, Points
from epitaxy.flows.kinetic_kernel import KineticBridge
from epitaxy.flows.kinetic_process import TURN, Coefficients, KineticProcess, distinct
from epitaxy.flows.kinetic_state import CorruptedKineticState, KineticState
from epitaxy.geometry import AnyRng, Rng, as_rng, wrapped_normal_score

Sampler = Literal["ancestral", "exponential", "predictor_corrector", "probability_flow", "published_pc"]


@dataclass(frozen=True, kw_only=True)
class KineticDiffusion(KineticProcess, ChoiceOfSampler):
    """Diffusion of points on a flat torus by noise in their velocities. Data are points, `"rows dim"`.

    At noise time u = horizon (1 - t) the velocity v and the displacement r (radians) from the data obey `dr =
    v du, dv = -v du + sqrt(2) dW`, whose law is known (`KineticKernel`). The network's output stands for the
    score of v; `score` says how. Positions are given in the manifold's units, everything else in radians.

    Told by `on` which rows are the atoms of one graph, velocities, displacements and scores have no net
    translation in any graph. One-atom graphs then never move.

    At t = 1 the kernel is a point: outputs and states there are read by the kernel at the last float32 number
    before 1, so that losses and samples are finite.

    Deviations from the paper and its code, all towards the exact process: initial velocities are integrated
    out of the kernel, so both parametrisations serve any `initial_velocity`; nothing is added inside square
    roots; lambda(t) is computed at the time itself by quadrature; velocities enter networks in units of their
    own standard deviation at equilibrium rather than over 2 pi; the last step, `decode`, is a denoising one;
    for `loss_kind` see there.

    Args:
        manifold: the torus, whose period is the unit of positions.
        horizon: T, the noise time at t = 0. The paper's 2 does not mix: from one point, the first Fourier
            coefficient of positions is still 0.47 there, 0.08 at 4, 0.01 at 6. It is what `prior_kind =
            "uniform"` pretends to be 0.
        initial_velocity: standard deviation of velocities at the data; the paper finds 0 best.
        parametrisation: "simplified", Eq. 19: the output is the position kernel's score over its root mean
            square; or "direct", Eq. 18: it is the score of v itself.
        loss_kind: what the output learns, in "simplified" form. "lifted", the noise that displaced the data,
            whichever way around the torus, weighted by the kernel's variance: its mean given the state is the
            exact score, of velocities without net translation too. "wrapped", as published, the wrapped
            normal's score weighted by 1 / lambda(t): less noisy, but it takes coordinates to wrap
            independently, which they do not once translations are taken out. For narrow kernels the two are
            one. "direct" losses are not weighted.
        prior_kind: "uniform" positions; or "marginal", which corrupts the `like` given to `prior`, then a
            draw from the data: the exact start, for those who have data.
        sampler: "ancestral", draw (r, v) from its law at s given the state at t and the data that the score
            predicts: exact for data at one point, at any number of steps. "exponential", the paper's Alg. 3
            with e^h - 1 where it prints e^{2 dt} - 1. "probability_flow", the same without noise.
            "predictor_corrector", `correct` at each time, then "probability_flow". "published_pc", what the
            published code does: a correction of adaptive size, which moves positions too, then a step with
            the network's output at the same time, which moves them again: they run at double speed.
        temperature: of what is sampled: the predicted pull towards the data is divided by it in every step
            and correction, though not where `decode` denoises. 1 is the law that was learned. Below it
            samples keep to where that law is dense, less various and finer: low-temperature sampling, as
            Chroma's (Ingraham et al., Nature 2023). KLDM's paper has none.
        corrector_step: size of a correction: for "predictor_corrector" in units of the velocity's relaxation
            time; for "published_pc" the paper's tau.
        segments: set by `on`.

    """

    SAMPLERS = get_args(Sampler)

    parametrisation: Literal["simplified", "direct"] = "simplified"
    loss_kind: Literal["lifted", "wrapped"] = "lifted"
    sampler: Sampler = "ancestral"
    temperature: float = 1.0
    corrector_step: float = 0.25

    def __post_init__(self) -> None:
        self._check_process()
        check_number("temperature", self.temperature, least=1e-2, below=1e2)
        check_number("corrector_step", self.corrector_step)
        check_option("parametrisation", self.parametrisation, ("simplified", "direct"))
        check_option("loss_kind", self.loss_kind, ("lifted", "wrapped"))
        check_option("sampler", self.sampler, self.SAMPLERS)

    def with_temperature(self, temperature: float) -> "KineticDiffusion":
        """Return the same flow, sampled at another temperature."""
        return replace(self, temperature=temperature)

    @property
    def corrections(self) -> int:
        """Return 1 for the samplers that correct, else 0."""
        return int(self.sampler in ("predictor_corrector", "published_pc"))

    def score(self, output: Points, state: KineticState, t: PerRow) -> Points:
        """Return the score of v: slope * `pull` - v / velocity_std^2."""
        if self.parametrisation == "direct":  # which needs no kernel
            return self._centred(output)
        return self._score(output, state, self._read_at(t, output))

    def pull(self, output: Points, state: KineticState, t: PerRow) -> Points:
        """Return the predicted score of the position kernel with respect to its mean.

        The predicted displacement from the data is slope * v + spread^2 * pull, exactly the posterior mean if
        the score is exact.
        """
        return self._pull(output, state, self._read_at(t, output))

    def loss(self, output: Points, x: Points, state: KineticState, t: PerRow, *, rng: AnyRng) -> PerRow:
        """Return the squared error of the output, see `loss_kind`.

        Raises:
            ValueError: if the loss is the lifted one and the state does not come from `corrupt`.

        """
        at = self._read_at(t, output)
        pull = self._wanted(x, state, at)
        centred = self._centred(output)
        if self.parametrisation == "direct":
            return total((centred - at.slope * pull + state.velocity / at.velocity_std.square()).square())
        if self.loss_kind == "lifted":
            return total((at.spread * at.root_information * centred - at.spread * pull).square())
        return total((centred - pull / at.root_information).square())

    def step(self, state: KineticState, output: Points, t: PerRow, s: PerRow, *, rng: AnyRng) -> KineticState:
        """Draw the state at s > t, see `sampler`."""
        source = as_rng(rng)
        if self.sampler == "ancestral":
            return self._along_the_bridge(state, output, t, s, source)
        h = column(self.noise_time(t) - self.noise_time(s), 2)
        growth, gain = h.exp().to(output.dtype), torch.expm1(h).to(output.dtype)
        if self.sampler == "published_pc":
            at, then = self._read_at(t, output), self._at(s, output).velocity_std
            now, score = at.velocity_std, self._steering(output, state, at)
            velocity = growth * state.velocity + (growth * now - then) * now * score
            return self._arrived(state.position, -h.to(output.dtype) * velocity, velocity)
        score = self._steering_at(output, state, t)
        if self.sampler == "exponential":
            noise = torch.expm1(2 * h).sqrt().to(output.dtype) * self._normal(output, source)
            velocity = growth * state.velocity + 2 * gain * score + noise
        else:
            velocity = growth * state.velocity + gain * score
        return self._arrived(state.position, -h.to(output.dtype) * velocity, velocity)

    def correct(
        self, state: KineticState, output: Points, t: PerRow, s: PerRow, *, rng: AnyRng
    ) -> KineticState:
        """Move the velocity towards its law given the position, by Langevin dynamics at t.

        For "predictor_corrector" the dynamics is solved exactly for a score of slope -k, where k = 1 /
        velocity_std^2 + slope^2 lambda is the kernel's precision, at least 1: exact for data at one point,
        and nothing is ever divided by what the network said. For "published_pc" the size is tau over the mean
        square of the score in each graph (the paper's Alg. 4; where that is 0, as in one-atom graphs, there
        is no move instead of its 0/0) and positions move by it too.
        """
        noise = self._normal(output, as_rng(rng))
        if self.sampler == "published_pc":
            score = self._steering_at(output, state, t)
            size = self._adaptive_size(score)
            velocity = state.velocity + size * score + (2 * size).sqrt() * noise
            h = column(self.noise_time(t) - self.noise_time(s), 2).to(output.dtype)
            return self._arrived(state.position, -h * velocity, velocity)
        at, eta = self._read_at(t, output), self.corrector_step
        of_pull = (at.slope * at.root_information).square() / self.temperature
        precision = at.velocity_std.square().reciprocal() + of_pull
        drift, heat = -math.expm1(-eta) / precision, (-math.expm1(-2 * eta) / precision).sqrt()
        velocity = self._centred(state.velocity + drift * self._steering(output, state, at) + heat * noise)
        return KineticState(position=state.position, velocity=velocity)

    def decode(self, state: KineticState, output: Points, t: PerRow, *, rng: AnyRng) -> Points:
        """Return the data that the score predicts; for "published_pc" the position after a step to t = 1."""
        if self.sampler == "published_pc":
            return self.step(state, output, t, torch.ones_like(t), rng=rng).position
        return self._moved(state.position, -self._displacement(state, output, t))

    def _displacement(
        self, state: KineticState, output: Tensor, t: Tensor, temperature: float = 1.0
    ) -> Points:
        """Return the displacement from the data, in radians, that the score predicts."""
        at = self._read_at(t, output)
        pull = self._pull(output, state, at) / temperature
        return at.slope * state.velocity + at.spread.square() * pull

    def _steering_at(self, output: Tensor, state: KineticState, t: Tensor) -> Points:
        if self.parametrisation == "direct" and self.temperature == 1.0:  # which needs no kernel
            return self._centred(output)
        return self._steering(output, state, self._read_at(t, output))

    def _steering(self, output: Tensor, state: KineticState, at: Coefficients) -> Points:
        """Return the score of v that samples follow: the pull in it is divided by the temperature."""
        if self.temperature == 1.0:
            return self._score(output, state, at)
        pull = self._pull(output, state, at) / self.temperature
        return at.slope * pull - state.velocity / at.velocity_std.square()

    def _score(self, output: Tensor, state: KineticState, at: Coefficients) -> Points:
        if self.parametrisation == "direct":
            return self._centred(output)
        return at.slope * self._pull(output, state, at) - state.velocity / at.velocity_std.square()

    def _pull(self, output: Tensor, state: KineticState, at: Coefficients) -> Points:
        centred = self._centred(output)
        if self.parametrisation == "simplified":
            return at.root_information * centred
        return (centred + state.velocity / at.velocity_std.square()) / at.slope

    def _along_the_bridge(
        self, state: KineticState, output: Tensor, t: Tensor, s: Tensor, rng: Rng
    ) -> KineticState:
        both = torch.stack([self._least(self.noise_time(t)), self.noise_time(s)])
        times, rows = distinct(both)
        bridge = KineticBridge.between(times[0], times[1], self.initial_velocity)
        gain, noise = (rows(m).to(output.dtype)[..., None] for m in (bridge.gain, bridge.noise))
        r, v = self._displacement(state, output, t, self.temperature), state.velocity
        first, second = self._normal(output, rng), self._normal(output, rng)
        new_r = gain[:, 0, 0] * r + gain[:, 0, 1] * v + noise[:, 0, 0] * first + noise[:, 0, 1] * second
        new_v = gain[:, 1, 0] * r + gain[:, 1, 1] * v + noise[:, 1, 1] * second
        return self._arrived(state.position, new_r - r, new_v)

    def _wanted(self, x: Points, state: KineticState, at: Coefficients) -> Points:
        """Return the position kernel's score given the data: what the network's should be on average."""
        if self.loss_kind == "lifted":
            if not isinstance(state, CorruptedKineticState):
                raise ValueError("the lifted loss needs the noise of the state, which `corrupt` returns")
            return state.noise / at.spread
        radians = self.manifold.log(x, state.position) * (TURN / self.manifold.period)
        score = -wrapped_normal_score(radians - at.slope * state.velocity, at.spread)
        return self._centred(score)

    def _adaptive_size(self, score: Points) -> Float[Tensor, "rows one"]:
        """Return corrector_step over the mean square of the score in each graph; 0 where that is 0."""
        square = score.square().mean(1, keepdim=True)
        if self.segments is not None:
            square = self.segments.expand(self.segments.mean(square))
        return torch.where(square > 0, self.corrector_step / torch.where(square > 0, square, 1.0), 0.0)

// Draws what Python wrote beside each canvas.turn: spheres and lines in angstrom, to be turned with the pointer.
// A canvas, because browsers give a page only some sixteen WebGL contexts and take the first ones away again.
"use strict";
(function () {
  const PIECES = 6; // of a line: each is behind or before an atom by itself
  const START = [[0.87, 0.5, 0], [-0.17, 0.3, 0.94], [0.47, -0.81, 0.34]]; // screen right, up, and towards the eye

  function cut(lines) {
    const pieces = [];
    for (const line of lines) {
      for (let k = 0; k + 1 < line.points.length; k++) {
        const a = line.points[k], b = line.points[k + 1];
        if (a === null || b === null) continue;
        const at = (t) => a.map((value, n) => value + t * (b[n] - value));
        for (let n = 0; n < PIECES; n++) {
          pieces.push({ a: at(n / PIECES), b: at((n + 1) / PIECES), color: line.color, width: line.width });
        }
      }
    }
    return pieces;
  }

  function sphere(pen, x, y, r, color) {
    const shade = pen.createRadialGradient(x - r / 3, y - r / 3, r / 10, x, y, r);
    shade.addColorStop(0, "rgba(255,255,255,.6)");
    shade.addColorStop(0.5, "rgba(255,255,255,0)");
    shade.addColorStop(1, "rgba(0,0,0,.3)");
    pen.beginPath();
    pen.arc(x, y, r, 0, 2 * Math.PI);
    for (const fill of [color, shade]) {
      pen.fillStyle = fill;
      pen.fill();
    }
    pen.lineWidth = 0.7;
    pen.strokeStyle = "rgba(0,0,0,.55)";
    pen.stroke();
  }

  function show(canvas) {
    const model = JSON.parse(canvas.parentNode.querySelector("script").textContent);
    const pieces = cut(model.lines);
    const every = model.atoms.map((atom) => atom.at).concat(pieces.map((p) => p.a), pieces.map((p) => p.b));
    const centre = [0, 1, 2].map((n) => {
      const along = every.map((point) => point[n]);
      return (Math.min(...along) + Math.max(...along)) / 2;
    });
    const away = (point) => Math.hypot(...point.map((value, n) => value - centre[n]));
    const reach = Math.max(1, ...every.map(away));
    let turned = START.map((row) => row.slice()), zoom = 1, shown = [];

    function draw() {
      const ratio = window.devicePixelRatio || 1, wide = canvas.clientWidth, high = canvas.clientHeight;
      canvas.width = wide * ratio;
      canvas.height = high * ratio;
      const pen = canvas.getContext("2d");
      pen.scale(ratio, ratio);
      pen.lineCap = "round";
      const scale = (0.88 * zoom * Math.min(wide, high)) / 2 / reach;
      const place = (point) => {
        const from = point.map((value, n) => value - centre[n]);
        const [x, y, z] = turned.map((row) => row[0] * from[0] + row[1] * from[1] + row[2] * from[2]);
        return [wide / 2 + scale * x, high / 2 - scale * y, z];
      };
      shown = model.atoms.map((atom) => {
        const [x, y, depth] = place(atom.at);
        return { x, y, depth, r: Math.max(2.5, (atom.size * scale) / 26), atom };
      });
      const strokes = pieces.map((piece) => {
        const a = place(piece.a), b = place(piece.b);
        return { a, b, depth: (a[2] + b[2]) / 2, piece };
      });
      for (const item of shown.concat(strokes).sort((one, other) => one.depth - other.depth)) {
        if (item.atom) {
          sphere(pen, item.x, item.y, item.r, item.atom.color);
        } else {
          pen.beginPath();
          pen.moveTo(item.a[0], item.a[1]);
          pen.lineTo(item.b[0], item.b[1]);
          pen.strokeStyle = item.piece.color;
          pen.lineWidth = item.piece.width;
          pen.stroke();
        }
      }
    }

    function turn(right, up) { // about the screen's own axes
      for (const [i, j, angle] of [[0, 2, right], [1, 2, up]]) {
        const c = Math.cos(angle), s = Math.sin(angle), a = turned[i], b = turned[j];
        turned[i] = a.map((value, n) => c * value + s * b[n]);
        turned[j] = b.map((value, n) => c * value - s * a[n]);
      }
      draw();
    }

    function name(event) {
      const hit = shown.filter((s) => Math.hypot(s.x - event.offsetX, s.y - event.offsetY) <= s.r);
      hit.sort((one, other) => other.depth - one.depth);
      const atom = hit.length ? hit[0].atom : null;
      canvas.title = atom ? `${atom.name} (${atom.at.map((v) => v.toFixed(2)).join(", ")}) Å` : "";
    }

    canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
    canvas.addEventListener("pointermove", (event) => {
      if (event.buttons & 1) turn(event.movementX / 90, -event.movementY / 90);
      else name(event);
    });
    canvas.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (way) {
        event.preventDefault();
        turn(way[0] / 8, way[1] / 8);
      }
    });
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return; // the page scrolls
      event.preventDefault();
      zoom = Math.min(8, Math.max(0.3, zoom * Math.exp(-event.deltaY / 300)));
      draw();
    }, { passive: false });
    canvas.addEventListener("dblclick", () => {
      turned = START.map((row) => row.slice());
      zoom = 1;
      draw();
    });
    new ResizeObserver(draw).observe(canvas);
  }

  document.querySelectorAll("canvas.turn").forEach(show);
})();

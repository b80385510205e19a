// A sketch of where the vehicle and the destination are: true in direction and distance, without streets.

import { shape } from "./elements.js";

const WIDTH = 400;
const HEIGHT = 230;
const MARGIN = 46;
const METRES_PER_DEGREE = 111_195;
const RINGS_METRES = [50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000];

/** Metres east and north from one place to another; flat, which is exact enough within a city. */
export function offsetMetres(from, to) {
  const middle = ((from.latitude + to.latitude) / 2) * (Math.PI / 180);
  return {
    east: (to.longitude - from.longitude) * METRES_PER_DEGREE * Math.cos(middle),
    north: (to.latitude - from.latitude) * METRES_PER_DEGREE,
  };
}

export function distanceMetres(from, to) {
  const { east, north } = offsetMetres(from, to);
  return Math.hypot(east, north);
}

function rings(home, pixelsPerMetre, format) {
  const visible = RINGS_METRES.filter((metres) => metres * pixelsPerMetre > 34 && metres * pixelsPerMetre < WIDTH);
  return visible.slice(0, 4).flatMap((metres) => {
    const radius = metres * pixelsPerMetre;
    const above = home.y - radius > 12;
    const y = above ? home.y - radius - 4 : home.y + radius + 11;
    return [
      shape("circle", { class: "ring", cx: home.x, cy: home.y, r: radius }),
      shape("text", { class: "ring-label", x: home.x, y, "text-anchor": "middle" }, format(metres)),
    ];
  });
}

function homeMark({ x, y }) {
  return shape(
    "g",
    { class: "home", transform: `translate(${x} ${y})` },
    shape("circle", { r: 17 }),
    shape("path", { d: "M-8 0 L0 -8 L8 0 M-5.5 -2 V7 H5.5 V-2" }),
  );
}

function vehicleMark({ x, y }, heading) {
  const turned = heading == null ? null : shape("path", { class: "nose", d: "M0 -25 L6 -17 L-6 -17 Z", transform: `rotate(${heading})` });
  return shape(
    "g",
    { class: "vehicle", transform: `translate(${x} ${y})` },
    shape("circle", { class: "pulse", r: 17 }),
    turned,
    shape("circle", { class: "body", r: 15 }),
    shape("path", { d: "M-9 -5 H2 V4 H-9 Z M2 -2 H6 L9 1 V4 H2 Z" }),
    shape("circle", { class: "wheel", cx: -5, cy: 5, r: 2 }),
    shape("circle", { class: "wheel", cx: 5, cy: 5, r: 2 }),
  );
}

/** The sketch as one SVG image. `vehicle` may be null; `label` says it in words; `format` writes a distance. */
export function sketch({ destination, vehicle, label, format }) {
  const away = vehicle ? offsetMetres(destination, vehicle.location) : { east: 0, north: 0 };
  const pixelsPerMetre = Math.min(
    (WIDTH - 2 * MARGIN) / Math.max(Math.abs(away.east), 150),
    (HEIGHT - 2 * MARGIN) / Math.max(Math.abs(away.north), 100),
  );
  const half = { x: (away.east * pixelsPerMetre) / 2, y: (-away.north * pixelsPerMetre) / 2 };
  const home = { x: WIDTH / 2 - half.x, y: HEIGHT / 2 - half.y };
  const van = { x: WIDTH / 2 + half.x, y: HEIGHT / 2 + half.y };
  return shape(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label },
    ...rings(home, pixelsPerMetre, format),
    vehicle ? shape("line", { class: "way", x1: van.x, y1: van.y, x2: home.x, y2: home.y }) : null,
    homeMark(home),
    vehicle ? vehicleMark(van, vehicle.heading) : null,
  );
}

/** A small curve without axes. */

import { type Num, real } from "../api/shapes";

interface SparkProps {
  scores: readonly (Num | null)[];
  width?: number;
  height?: number;
  label: string;
}

const ROOM = 2;

export function Spark({ scores, width = 120, height = 28, label }: SparkProps) {
  const values = scores.map((score) => real(score));
  const finite = values.filter(Number.isFinite);
  const low = Math.min(...finite);
  const high = Math.max(...finite);
  const x = (i: number) => ROOM + (i / Math.max(1, values.length - 1)) * (width - 2 * ROOM);
  const y = (value: number) => height - ROOM - (high > low ? (value - low) / (high - low) : 0.5) * (height - 2 * ROOM);
  let drawn = "";
  let pen = "M";
  values.forEach((value, i) => {
    if (Number.isFinite(value)) drawn += `${pen}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = Number.isFinite(value) ? "L" : "M";
  });
  const end = values.findLastIndex(Number.isFinite);
  return (
    <svg class="spark" viewBox={`0 0 ${width} ${height}`} width={width} height={height} role="img" aria-label={label}>
      <path d={drawn} />
      {end >= 0 && <circle cx={x(end)} cy={y(values[end] ?? 0)} r="2" />}
    </svg>
  );
}

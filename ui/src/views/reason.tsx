import type { Summary } from "../api/shapes";

export function ReasonPanel(_: { name: string; summary: Summary }) {
  return null;
}

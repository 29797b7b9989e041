import { render } from "preact";
import "@preact/signals";
import { lost } from "./api/events";
import { begin } from "./api/session";
import { watchScrollers } from "./parts/more";
import "./style/tokens.css";
import "./style/base.css";
import "./style/parts.css";
import "./style/scroll.css";
import "./style/charts.css";
import "./style/members.css";
import "./style/family.css";
import "./style/reason.css";
import "./style/change.css";
import { access } from "./state/session";
import { Shell } from "./views/shell";

const AGAIN = 2_000;

/** The first question; until it is answered, the server is not there. */
async function start(): Promise<void> {
  try {
    await begin();
  } catch {
    lost();
    setTimeout(start, AGAIN);
  }
}

const root = document.getElementById("page");
if (root) render(<Shell />, root);
watchScrollers();
if (access.peek() === "unknown") start();

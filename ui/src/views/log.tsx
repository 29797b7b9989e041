/** What people and programs changed, by whom and why; what is paused and pinned now. */

import type { ChangeLine, ChangesView } from "../api/steer";
import { useView } from "../api/view";
import { count, moment, number, shortened } from "../parts/format";
import { Link } from "../parts/link";
import { missing, Notice } from "../parts/notices";
import { type Begun, openChange } from "../state/change";
import { access } from "../state/session";
import type { ViewProps } from "./registry";

export function LogView({ name }: ViewProps) {
  const held = useView<ChangesView>(name, "changes").value;
  const data = held.data;
  if (data === undefined) return missing(held, "changes");
  return (
    <>
      <div class="title">
        <h1>Changes</h1>
      </div>
      {data.paused.length > 0 && <Paused ids={data.paused} />}
      {data.pins.length > 0 && <Pins pins={data.pins} />}
      {data.rows.length === 0 ? (
        <Notice title="Nobody has changed anything by hand">
          <p>What people and programs change while it trains is listed here, with who and why.</p>
        </Notice>
      ) : (
        <ol class="panel log">
          {[...data.rows].reverse().map((row) => (
            <Row key={row.entry} row={row} />
          ))}
        </ol>
      )}
    </>
  );
}

interface ChangeButtonProps {
  begun?: Begun;
  text?: string;
  plain?: boolean;
}

/** Opens the form, where changes are allowed. */
export function ChangeButton({ begun = { kind: "set" }, text = "Change…", plain = false }: ChangeButtonProps) {
  if (access.value !== "write") return null;
  return (
    <button type="button" class={plain ? "plain" : undefined} onClick={() => openChange(begun)}>
      {text}
    </button>
  );
}

function Row({ row }: { row: ChangeLine }) {
  return (
    <li>
      <span class="n soft">{count(row.entry)}</span>
      <div>
        <p>
          {row.member === null ? (
            shortened(row.what, 400)
          ) : (
            <Link to={{ query: { why: `${row.entry}.${row.member}` } }}>{shortened(row.what, 400)}</Link>
          )}
        </p>
        <p class="soft">
          <strong>{row.by ? shortened(row.by, 80) : "nobody named"}</strong>
          {row.why && `: ${shortened(row.why, 400)}`}
        </p>
      </div>
      <time class="soft" dateTime={new Date(row.time * 1000).toISOString()}>
        {moment(row.time)}
      </time>
      {row.undo && access.value === "write" ? (
        <button
          type="button"
          class="plain"
          aria-label={`Take it back… (entry ${row.entry})`}
          onClick={() => row.undo && openChange(row.undo)}
        >
          Take it back…
        </button>
      ) : (
        <span />
      )}
    </li>
  );
}

/** Members that are named one by one. */
const NAMED = 24;

function Paused({ ids }: { ids: number[] }) {
  return (
    <section class="panel held">
      <h2>Paused</h2>
      <p>
        {ids.slice(0, NAMED).map((id) => (
          <Link key={id} to={{ view: "member", query: { member: String(id) } }}>
            member {id}
          </Link>
        ))}
        {ids.length > NAMED && <span class="soft">and {count(ids.length - NAMED)} more</span>}
      </p>
      <ChangeButton begun={{ kind: "resume", members: ids }} text="Resume…" />
    </section>
  );
}

function Pins({ pins }: { pins: ChangesView["pins"] }) {
  return (
    <section class="panel held">
      <h2>Pinned</h2>
      <ul>
        {pins.map((pin) => (
          <li key={pin.id}>
            <span>
              <code>{pin.id}</code>{" "}
              <span class="soft">
                member {pin.member}, step {count(pin.step)}, score {number(pin.score)}
              </span>
            </span>
            <ChangeButton begun={{ kind: "fork", checkpoint: pin.id }} text="Fork…" />
            <ChangeButton begun={{ kind: "unpin", checkpoint: pin.id }} text="Unpin…" />
          </li>
        ))}
      </ul>
    </section>
  );
}

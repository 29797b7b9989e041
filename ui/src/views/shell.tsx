/** What stands around every view: where one is, how the server stands, and who one is to it. */

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { connect, follow, link, refused, unfollow } from "../api/events";
import { about, isReport } from "../api/report";
import { signOut } from "../api/session";
import type { Summary } from "../api/shapes";
import { useView } from "../api/view";
import { count, moment, shortened } from "../parts/format";
import { Link } from "../parts/link";
import { Loading, missing, Notice } from "../parts/notices";
import { Status } from "../parts/status";
import { say, Toast } from "../parts/toast";
import type { Begun } from "../state/change";
import { hover } from "../state/lit";
import { FIRST, place, population } from "../state/place";
import { access, signedIn } from "../state/session";
import { lastStep } from "../state/steps";
import { ChangePanel } from "./changepanel";
import { useEscape } from "./escape";
import { ExtinctPanel } from "./extinctpanel";
import { Landing } from "./landing";
import { ChangeButton } from "./log";
import { ReasonPanel } from "./reason";
import { VIEWS } from "./registry";
import { SignIn } from "./signin";

export function Shell() {
  const name = population.value;
  const allowed = access.value;
  useEscape();
  useEffect(() => {
    hover(null);
    if (allowed === "read" || allowed === "write") follow(name);
    else unfollow();
  }, [name, allowed]);
  useEffect(() => {
    document.title = name ? `${name} – pbt` : "pbt";
  }, [name]);
  if (allowed === "unknown")
    return <Frame>{link.value === "gone" ? <Notice title="The server does not answer" /> : <Loading />}</Frame>;
  if (allowed === "none")
    return (
      <Frame>
        <SignIn />
      </Frame>
    );
  return name ? (
    <Population key={name} name={name} />
  ) : (
    <Frame>
      <Landing />
    </Frame>
  );
}

function Population({ name }: { name: string }) {
  const held = useView<Summary>(name, "summary").value;
  const { view } = place.value;
  const spec = VIEWS.find((one) => one.id === view);
  const summary = held.data;
  useEffect(() => {
    lastStep.value = summary?.furthest ?? 0;
  }, [summary]);
  const tab = spec?.under ?? spec?.id;
  useEffect(() => {
    document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [tab]);
  const tabs = (
    <nav class="tabs" aria-label="Views">
      {VIEWS.filter((one) => one.under === undefined).map((one) => (
        <Link key={one.id} to={{ view: one.id }} current={one.id === tab}>
          {one.title}
        </Link>
      ))}
    </nav>
  );
  return (
    <Frame name={name} state={summary?.state} tabs={tabs} summary={summary}>
      {summary?.state === "reading" && (
        <p class="gone" role="status">
          The journal is long and is still being read. What is shown is as of entry {count(summary.entry)}, and goes on
          by itself.
        </p>
      )}
      {(held.data === undefined && (
        <>
          {missing(held, "population")}
          {held.failure && held.failure.status !== 0 && <WaysBack />}
        </>
      )) ||
        (summary?.state === "empty" ? (
          <Notice title="Nothing was created here yet">
            <p>The first worker that joins creates the population; it then shows here by itself.</p>
          </Notice>
        ) : spec && summary ? (
          <spec.show name={name} summary={summary} />
        ) : (
          <>
            <Notice title={`There is no view ${shortened(view)}`} />
            <WaysBack name={name} />
          </>
        ))}
      <ExtinctPanel name={name} />
      {summary && <ReasonPanel name={name} summary={summary} />}
      {summary && <ChangePanel name={name} summary={summary} />}
    </Frame>
  );
}

/** From an address that leads nowhere. */
function WaysBack({ name }: { name?: string }) {
  return (
    <p class="ways">
      {name !== undefined && <Link to={{ population: name, view: FIRST, query: {} }}>{shortened(name)}</Link>}
      {!isReport && <Link to={{ population: "", view: FIRST, query: {} }}>All populations</Link>}
    </p>
  );
}

interface FrameProps {
  name?: string;
  state?: string | undefined;
  tabs?: ComponentChildren;
  summary?: Summary | undefined;
  children: ComponentChildren;
}

/** A change that is begun on a member's page is one of that member. */
function begunHere(): Begun {
  const { view, query } = place.value;
  return view === "member" ? { kind: "set", members: [Number(query["member"])] } : { kind: "set" };
}

function Frame({ name, state, tabs, summary, children }: FrameProps) {
  return (
    <>
      <header class="top">
        <Link to={{ population: "", query: {} }} class="home" label="pbt, all populations">
          pbt
        </Link>
        {name && <span class="crumb">{name}</span>}
        {state && <Status state={state} />}
        {tabs}
        <span class="right">
          {name && summary && <ChangeButton begun={begunHere()} />}
          <Connection />
          {signedIn.value && (
            <button type="button" class="plain" onClick={() => signOut().catch((error: Error) => say(error.message))}>
              Sign out
            </button>
          )}
        </span>
      </header>
      {link.value === "gone" && access.value !== "unknown" && (
        <p class="gone" role="status">
          {refused.value ? `The server gives no news: ${refused.value}.` : "The server does not answer."} What is shown
          is as it was; the page goes on by itself.
          <button type="button" class="plain" onClick={connect}>
            Try now
          </button>
        </p>
      )}
      <main>{children}</main>
      <Toast />
    </>
  );
}

const WORDS = { live: "live", connecting: "connecting", gone: "no connection", hidden: "paused" };

function Connection() {
  if (isReport) return <span class="soft">report of {moment(about.made)}</span>;
  if (access.value === "none" || access.value === "unknown") return null;
  return (
    <>
      {access.value === "read" && <span class="soft">reads only</span>}
      <span class="link" data-link={link.value}>
        {WORDS[link.value]}
      </span>
    </>
  );
}

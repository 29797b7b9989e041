/** The views of a population, in the order of their tabs. To add one: a file in this folder, and a line here. */

import type { ComponentType } from "preact";
import type { Summary } from "../api/shapes";
import { FamilyView } from "./family";
import { HealthView } from "./health";
import { LogView } from "./log";
import { MemberView } from "./member";
import { MembersView } from "./members";
import { PopulationView } from "./population";
import { ScheduleView } from "./schedule";

export interface ViewProps {
  name: string;
  /** As of the last entry that is known. */
  summary: Summary;
}

export interface ViewSpec {
  /** In the address: ?view=ID. */
  id: string;
  title: string;
  show: ComponentType<ViewProps>;
  /** The id of the view under whose tab this one stands; without it, it has its own. */
  under?: string;
}

export const VIEWS: readonly ViewSpec[] = [
  { id: "population", title: "Population", show: PopulationView },
  { id: "family", title: "Family", show: FamilyView },
  { id: "members", title: "Members", show: MembersView },
  { id: "member", title: "Member", show: MemberView, under: "members" },
  { id: "schedule", title: "Schedule", show: ScheduleView },
  { id: "health", title: "Health", show: HealthView },
  { id: "changes", title: "Changes", show: LogView },
];

// One visit to a meeting, by invite link or by room: which screen is shown is the visit's phase.

import { useEffect, useRef, useState } from "react";
import { useNavigate, useParams } from "react-router";
import { Scope } from "@client";
import { type Entrance, Meeting } from "../../state/meeting";
import { Page } from "../../ui/Page";
import { Trouble } from "../../ui/Trouble";
import { useValue } from "../../ui/useValue";
import { Waiting } from "../../ui/Waiting";
import { useServices } from "../services";
import { LeftScreen } from "./LeftScreen";
import { PreviewScreen } from "./PreviewScreen";
import { RoomScreen } from "./RoomScreen";

export function InvitePage() {
  const { invite = "" } = useParams();
  const { auth } = useServices();
  // Whether somebody is signed in decides whether a name is asked for: wait until it is known.
  const user = useValue(auth.user);
  if (user === undefined) return <Waiting text="One moment" />;
  return <MeetingPage key={invite} entrance={{ kind: "invite", token: invite }} />;
}

export function RoomPage() {
  const { id = "" } = useParams();
  return <MeetingPage key={id} entrance={{ kind: "room", id }} />;
}

function MeetingPage({ entrance }: { entrance: Entrance }) {
  const meeting = useMeeting(entrance);
  return meeting === null ? <Waiting text="Looking for the meeting" /> : <MeetingPhase meeting={meeting} />;
}

/** A meeting that lives as long as the page that shows it. */
function useMeeting(entrance: Entrance): Meeting | null {
  const services = useServices();
  const [meeting, setMeeting] = useState<Meeting | null>(null);
  const where = useRef(entrance);
  useEffect(() => {
    const scope = new Scope();
    const visit = new Meeting({
      ...services,
      entrance: where.current,
      scope,
      origin: window.location.origin,
      pixelRatio: () => window.devicePixelRatio,
      reloaded: wasReloaded(),
    });
    setMeeting(visit);
    // The scope does not end here: leaving would be said, and the page may only be loaded anew. The
    // browser closes what is open and says why.
    scope.listen(window, "pagehide", () => visit.goAway());
    return () => scope.end();
  }, [services]);
  return meeting;
}

function wasReloaded(): boolean {
  const [entry] = performance.getEntriesByType("navigation");
  return (entry as PerformanceNavigationTiming | undefined)?.type === "reload";
}

function MeetingPhase({ meeting }: { meeting: Meeting }) {
  const phase = useValue(meeting.phase);
  const navigate = useNavigate();
  const finishedSession = phase.at === "left" && phase.endedByMe ? phase.sessionId : null;
  useEffect(() => {
    if (finishedSession !== null) void navigate(`/sessions/${finishedSession}`, { replace: true });
  }, [finishedSession, navigate]);
  switch (phase.at) {
    case "loading":
      return <Waiting text="Looking for the meeting" />;
    case "unknown":
      return (
        <Page title="This invite leads nowhere" width="narrow" testId="invite-unknown">
          <p>The link may be cut short or withdrawn. Ask whoever sent it for a new one.</p>
        </Page>
      );
    case "failed":
      return (
        <Page title="The meeting could not be opened" width="narrow" testId="meeting-failed">
          <Trouble>{phase.message}</Trouble>
        </Page>
      );
    case "preview":
      return <PreviewScreen meeting={meeting} problem={phase.problem} entering={false} />;
    case "entering":
      return <PreviewScreen meeting={meeting} problem={null} entering />;
    case "returning":
      return <Waiting text="Coming back to the meeting" />;
    case "room":
      return <RoomScreen meeting={meeting} room={phase.room} />;
    case "left":
      return <LeftScreen meeting={meeting} reason={phase.reason} sessionId={phase.sessionId} />;
  }
}

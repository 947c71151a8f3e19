// The room: bar, stage, toolbar, people. Each part reads what it shows.

import { useEffect, useState } from "react";
import type { Meeting } from "../../state/meeting";
import type { RoomView } from "../../state/room-view";
import { useValue } from "../../ui/useValue";
import { useServices } from "../services";
import { ConnectionBanner } from "./ConnectionBanner";
import { EndDialog } from "./EndDialog";
import { NotesList } from "./NotesList";
import { RecordingBadge } from "./RecordingBadge";
import { RecordingTrouble } from "./RecordingTrouble";
import classes from "./Room.module.css";
import { Roster } from "./Roster";
import { SettingsDialog } from "./SettingsDialog";
import { SharingBanner } from "./SharingBanner";
import { Stage } from "./Stage";
import { Toolbar } from "./Toolbar";
import { useShortcuts } from "./useShortcuts";
import { Voices } from "./Voices";

interface RoomScreenProps {
  meeting: Meeting;
  room: RoomView;
}

export function RoomScreen({ meeting, room }: RoomScreenProps) {
  const { wishes } = useServices();
  const chosen = useValue(wishes.value);
  const [panel, setPanel] = useState(false);
  const [ending, setEnding] = useState(false);
  const [settings, setSettings] = useState(false);
  useEffect(() => {
    document.title = `${room.title} · Colloquy`;
    const networkIsBack = () => room.session.hurry();
    window.addEventListener("online", networkIsBack);
    return () => window.removeEventListener("online", networkIsBack);
  }, [room]);
  useShortcuts(chosen.shortcuts && !ending && !settings, {
    m: () => void room.toggleMicrophone(),
    v: () => void room.toggleCamera(),
    s: () => void room.toggleScreen(),
    p: () => setPanel((open) => !open),
  });
  return (
    <div className={classes.room} data-testid="room">
      <header className={classes.bar}>
        <h1 className={classes.title}>{room.title}</h1>
        <RecordingBadge session={room.session} />
      </header>
      <ConnectionBanner room={room} />
      <RecordingTrouble room={room} />
      <SharingBanner meeting={meeting} />
      <Voices session={room.session} speakerId={chosen.speakerId} />
      <main className={classes.middle}>
        <Stage meeting={meeting} room={room} />
        {panel && <Roster room={room} onClose={() => setPanel(false)} />}
      </main>
      <Toolbar
        meeting={meeting}
        room={room}
        panelOpen={panel}
        onPanel={() => setPanel(!panel)}
        onSettings={() => setSettings(true)}
        onEnd={() => setEnding(true)}
      />
      <NotesList notes={meeting.notes} />
      <EndDialog opened={ending} onClose={() => setEnding(false)} onEnd={() => void room.endForAll()} />
      <SettingsDialog meeting={meeting} opened={settings} onClose={() => setSettings(false)} />
    </div>
  );
}

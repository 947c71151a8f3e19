import { ActionIcon, CloseButton, Menu } from "@mantine/core";
import { hueOf, initials } from "../../lib/format";
import { isMuted, type Person } from "../../state/people";
import type { RoomView } from "../../state/room-view";
import { CameraOffIcon, MicrophoneIcon, MicrophoneOffIcon, MoreIcon, ShareIcon } from "../../ui/icons";
import { useValue } from "../../ui/useValue";
import classes from "./Roster.module.css";

interface RosterProps {
  room: RoomView;
  onClose: () => void;
}

/** Everyone who is here, with what a host may do. */
export function Roster({ room, onClose }: RosterProps) {
  const people = useValue(room.people);
  return (
    <aside className={classes.panel} aria-labelledby="people" data-testid="roster">
      <div className={classes.head}>
        <h2 id="people">People ({people.length})</h2>
        <CloseButton size="lg" aria-label="Close the list of people" onClick={onClose} />
      </div>
      <ul className={classes.list}>
        {people.map((person) => (
          <RosterItem key={person.id} person={person} room={room} />
        ))}
      </ul>
    </aside>
  );
}

const ROLE_WORDS = { host: "Host", member: "Member", guest: "Guest", observer: "Observer" } as const;

function RosterItem({ person, room }: { person: Person; room: RoomView }) {
  const muted = isMuted(person);
  return (
    <li className={classes.item} data-testid="roster-item" data-participant={person.id} data-muted={muted}>
      <span className={classes.circle} style={{ background: `hsl(${hueOf(person.name)} 42% 34%)` }} aria-hidden="true">
        {initials(person.name)}
      </span>
      <span className={classes.who}>
        <span className={classes.name}>{person.self ? `${person.name} (you)` : person.name}</span>
        <span className={classes.role}>{person.lost ? "Connection interrupted" : ROLE_WORDS[person.role]}</span>
      </span>
      <span className={classes.marks}>
        {person.screen === "live" && <Mark label="Shares a screen" icon={<ShareIcon size={18} />} />}
        {person.camera !== "live" && <Mark label="Camera off" icon={<CameraOffIcon size={18} />} />}
        {muted ? (
          <Mark label="Muted" icon={<MicrophoneOffIcon size={18} />} />
        ) : (
          <Mark label={person.speaking ? "Speaking" : "Microphone on"} icon={<MicrophoneIcon size={18} />} lit={person.speaking} />
        )}
      </span>
      {room.isHost && !person.self && <HostMenu person={person} room={room} />}
    </li>
  );
}

function Mark({ label, icon, lit = false }: { label: string; icon: React.ReactNode; lit?: boolean }) {
  return (
    <span role="img" aria-label={label} title={label} className={lit ? classes.lit : undefined}>
      {icon}
    </span>
  );
}

function HostMenu({ person, room }: { person: Person; room: RoomView }) {
  return (
    <Menu position="bottom-end" withinPortal transitionProps={{ duration: 0 }}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" c="inherit" size={36} aria-label={`What you can do about ${person.name}`} data-testid="roster-menu">
          <MoreIcon />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item disabled={isMuted(person)} onClick={() => room.mute(person.id, "microphone")} data-testid="roster-mute">
          Mute
        </Menu.Item>
        <Menu.Item disabled={person.camera !== "live"} onClick={() => room.mute(person.id, "camera")} data-testid="roster-camera-off">
          Turn the camera off
        </Menu.Item>
        {person.screen === "live" && (
          <Menu.Item onClick={() => room.mute(person.id, "screen")} data-testid="roster-stop-screen">
            Stop the sharing
          </Menu.Item>
        )}
        <Menu.Divider />
        <Menu.Item c="var(--danger-text)" onClick={() => room.remove(person.id)} data-testid="roster-remove">
          Remove from the meeting
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

// What a person can do in the room. Every control says what pressing it does.

import type { Meeting } from "../../state/meeting";
import type { RoomView } from "../../state/room-view";
import {
  CameraIcon,
  CameraOffIcon,
  CheckIcon,
  EndIcon,
  GearIcon,
  LeaveIcon,
  LinkIcon,
  MicrophoneIcon,
  MicrophoneOffIcon,
  PeopleIcon,
  RecordIcon,
  ShareIcon,
  ShareStopIcon,
  StopIcon,
} from "../../ui/icons";
import { useValue } from "../../ui/useValue";
import { useServices } from "../services";
import { ToolbarButton } from "./ToolbarButton";
import classes from "./Toolbar.module.css";
import { useCopied } from "./useCopied";

interface ToolbarProps {
  meeting: Meeting;
  room: RoomView;
  panelOpen: boolean;
  onPanel: () => void;
  onSettings: () => void;
  onEnd: () => void;
}

export function Toolbar({ meeting, room, panelOpen, onPanel, onSettings, onEnd }: ToolbarProps) {
  const people = useValue(room.people);
  const { copied, copy } = useCopied(room.inviteUrl);
  return (
    <footer className={classes.toolbar}>
      <div role="toolbar" aria-label="Meeting" className={classes.row}>
        <MediaButtons meeting={meeting} room={room} />
        {room.isHost && <RecordButton room={room} />}
        <span className={classes.divider} />
        <ToolbarButton
          icon={<PeopleIcon />}
          label="People"
          count={people.length}
          shortcut="P"
          pressed={panelOpen}
          onClick={onPanel}
          testId="toolbar-people"
        />
        <ToolbarButton
          icon={copied ? <CheckIcon /> : <LinkIcon />}
          label={copied ? "Copied" : "Invite"}
          title="Copy the invite link"
          onClick={() => void copy()}
          testId="copy-invite"
        />
        <ToolbarButton icon={<GearIcon />} label="Settings" onClick={onSettings} testId="toolbar-settings" />
        <span className={classes.divider} />
        <ToolbarButton
          icon={<LeaveIcon />}
          label="Leave"
          title="Leave the meeting"
          tone={room.isHost ? undefined : "danger"}
          onClick={() => room.leave()}
          testId="toolbar-leave"
        />
        {room.isHost && (
          <ToolbarButton
            icon={<EndIcon />}
            label="End"
            title="End the meeting for everyone"
            tone="danger"
            onClick={onEnd}
            testId="toolbar-end"
          />
        )}
      </div>
    </footer>
  );
}

function MediaButtons({ meeting, room }: { meeting: Meeting; room: RoomView }) {
  const { media } = useServices();
  const microphone = useValue(meeting.capture.source("microphone"));
  const camera = useValue(meeting.capture.source("camera"));
  const screen = useValue(meeting.capture.source("screen"));
  const heard = microphone.state === "live";
  const seen = camera.state === "live" || camera.state === "starting";
  const sharing = screen.state === "live";
  return (
    <>
      <ToolbarButton
        icon={heard ? <MicrophoneIcon /> : <MicrophoneOffIcon />}
        label={heard ? "Mute" : "Unmute"}
        shortcut="M"
        tone={heard ? undefined : "off"}
        onClick={() => void room.toggleMicrophone()}
        testId="toolbar-mute"
      />
      <ToolbarButton
        icon={seen ? <CameraIcon /> : <CameraOffIcon />}
        label={seen ? "Stop video" : "Start video"}
        shortcut="V"
        tone={seen ? undefined : "off"}
        onClick={() => void room.toggleCamera()}
        testId="toolbar-camera"
      />
      {media?.getDisplayMedia !== undefined && (
        <ToolbarButton
          icon={sharing ? <ShareStopIcon /> : <ShareIcon />}
          label={sharing ? "Stop sharing" : "Share"}
          title={sharing ? "Stop sharing" : "Share a screen, window or tab"}
          shortcut="S"
          tone={sharing ? "on" : undefined}
          onClick={() => void room.toggleScreen()}
          testId="toolbar-share"
        />
      )}
    </>
  );
}

function RecordButton({ room }: { room: RoomView }) {
  const { recording } = useValue(room.session.room);
  const busy = useValue(room.recordingBusy);
  const running = recording !== null;
  return (
    <ToolbarButton
      icon={running ? <StopIcon /> : <RecordIcon />}
      label={running ? "Stop recording" : "Record"}
      title={running ? "Stop recording" : "Record the meeting"}
      tone={running ? "on" : undefined}
      busy={busy}
      onClick={() => void room.toggleRecording()}
      testId="toolbar-record"
    />
  );
}

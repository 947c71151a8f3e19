import { ActionIcon, Text } from "@mantine/core";
import type { Meeting } from "../../state/meeting";
import { CameraIcon, CameraOffIcon, MicrophoneIcon, MicrophoneOffIcon } from "../../ui/icons";
import { useValue } from "../../ui/useValue";
import { useServices } from "../services";
import { LevelBar } from "./LevelBar";
import classes from "./Preview.module.css";
import { VideoView } from "./VideoView";

/** The own picture and how loud the own voice is, with the two switches. */
export function SelfPreview({ meeting }: { meeting: Meeting }) {
  const { wishes } = useServices();
  const { capture } = meeting;
  const camera = useValue(capture.source("camera"));
  const microphone = useValue(capture.source("microphone"));
  const cameraOn = camera.state === "live" || camera.state === "starting";
  const microphoneOn = microphone.state === "live" || microphone.state === "starting";
  const turnCamera = async () => {
    wishes.set({ cameraOn: !cameraOn });
    if (cameraOn) capture.stopCamera();
    else await capture.startCamera();
    await meeting.devices.refresh();
  };
  const turnMicrophone = async () => {
    wishes.set({ microphoneOn: !microphoneOn });
    if (microphoneOn) capture.muteMicrophone();
    else await capture.unmuteMicrophone();
    await meeting.devices.refresh();
  };
  return (
    <>
      <div className={classes.frame}>
        {camera.track === null ? (
          <div className={classes.dark}>
            <Text>{camera.state === "starting" ? "The camera is starting" : "Your camera is off"}</Text>
          </div>
        ) : (
          <VideoView track={camera.track} source="camera" participant="self" isSelf label="Your own picture" />
        )}
        <div className={classes.buttons}>
          <ActionIcon
            size={52}
            radius="xl"
            variant={microphoneOn ? "white" : "filled"}
            color={microphoneOn ? "dark" : "var(--danger)"}
            aria-label={microphoneOn ? "Mute the microphone" : "Unmute the microphone"}
            onClick={() => void turnMicrophone()}
            data-testid="preview-mute"
          >
            {microphoneOn ? <MicrophoneIcon size={24} /> : <MicrophoneOffIcon size={24} />}
          </ActionIcon>
          <ActionIcon
            size={52}
            radius="xl"
            variant={cameraOn ? "white" : "filled"}
            color={cameraOn ? "dark" : "var(--danger)"}
            aria-label={cameraOn ? "Turn the camera off" : "Turn the camera on"}
            onClick={() => void turnCamera()}
            data-testid="preview-camera"
          >
            {cameraOn ? <CameraIcon size={24} /> : <CameraOffIcon size={24} />}
          </ActionIcon>
        </div>
      </div>
      <LevelBar track={microphone.track} muted={!microphoneOn} />
    </>
  );
}

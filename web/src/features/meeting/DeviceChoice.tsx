import { NativeSelect, Stack, Switch } from "@mantine/core";
import type { Device } from "@client";
import type { Meeting } from "../../state/meeting";
import { useValue } from "../../ui/useValue";
import { useServices } from "../services";

/** Which camera, microphone and speaker; used before entering and in the room. */
export function DeviceChoice({ meeting }: { meeting: Meeting }) {
  const { wishes } = useServices();
  const chosen = useValue(wishes.value);
  const cameras = useValue(meeting.devices.cameras);
  const microphones = useValue(meeting.devices.microphones);
  const speakers = useValue(meeting.devices.speakers);
  const choose = (change: Partial<typeof chosen>) => {
    wishes.set(change);
    void meeting.capture.choose(change);
  };
  return (
    <Stack gap="sm">
      <DeviceSelect
        label="Camera"
        devices={cameras}
        chosen={chosen.cameraId}
        onChoose={(cameraId) => choose({ cameraId })}
        testId="choose-camera"
      />
      <DeviceSelect
        label="Microphone"
        devices={microphones}
        chosen={chosen.microphoneId}
        onChoose={(microphoneId) => choose({ microphoneId })}
        testId="choose-microphone"
      />
      {speakers.length > 1 && "setSinkId" in HTMLMediaElement.prototype && (
        <DeviceSelect
          label="Speaker"
          devices={speakers}
          chosen={chosen.speakerId}
          onChoose={(speakerId) => choose({ speakerId })}
          testId="choose-speaker"
        />
      )}
      <Switch
        label="Remove echo and noise from my sound"
        description="Turn it off for music."
        checked={chosen.soundProcessing}
        onChange={(event) => choose({ soundProcessing: event.currentTarget.checked })}
        data-testid="choose-sound-processing"
      />
    </Stack>
  );
}

interface DeviceSelectProps {
  label: string;
  devices: readonly Device[];
  chosen: string | null;
  onChoose: (id: string | null) => void;
  testId: string;
}

function DeviceSelect({ label, devices, chosen, onChoose, testId }: DeviceSelectProps) {
  const known = devices.some(({ id }) => id === chosen);
  const options = devices.map(({ id, label: name }, i) => ({ value: id, label: name === "" ? `${label} ${i + 1}` : name }));
  const fallback = { value: "", label: devices.length === 0 ? "None found" : "The system's choice" };
  return (
    <NativeSelect
      label={label}
      data={[fallback, ...options]}
      value={known && chosen !== null ? chosen : ""}
      disabled={devices.length === 0}
      onChange={(event) => onChoose(event.currentTarget.value === "" ? null : event.currentTarget.value)}
      data-testid={testId}
    />
  );
}

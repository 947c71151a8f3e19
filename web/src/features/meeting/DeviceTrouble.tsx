import { Button, Text } from "@mantine/core";
import type { Meeting } from "../../state/meeting";
import { deviceWords } from "../../state/words";
import { Trouble } from "../../ui/Trouble";
import { useValue } from "../../ui/useValue";

interface DeviceTroubleProps {
  meeting: Meeting;
  device: "camera" | "microphone";
}

/** In plain words why a device gives nothing, and what to do. */
export function DeviceTrouble({ meeting, device }: DeviceTroubleProps) {
  const { capture, devices } = meeting;
  const { problem } = useValue(capture.source(device));
  if (problem === null) return null;
  const { what, todo } = deviceWords(device, problem);
  const again = async () => {
    await (device === "camera" ? capture.startCamera() : capture.startMicrophone());
    await devices.refresh();
  };
  return (
    <Trouble title={what} testId={`${device}-problem`}>
      <Text size="sm">{todo}</Text>
      {problem !== "insecure" && (
        <Button size="xs" variant="default" mt="xs" onClick={() => void again()}>
          Try the {device} again
        </Button>
      )}
    </Trouble>
  );
}

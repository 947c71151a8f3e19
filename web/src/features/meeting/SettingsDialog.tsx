import { Group, Kbd, Modal, NativeSelect, Stack, Switch, Text } from "@mantine/core";
import { VIDEO_CODECS, type VideoCodec } from "@client";
import type { Meeting } from "../../state/meeting";
import { SchemeButton } from "../../ui/SchemeButton";
import { useValue } from "../../ui/useValue";
import { useServices } from "../services";
import { DeviceChoice } from "./DeviceChoice";
import { DeviceTrouble } from "./DeviceTrouble";

interface SettingsDialogProps {
  meeting: Meeting;
  opened: boolean;
  onClose: () => void;
}

const CODEC_NAMES: Record<VideoCodec, string> = { vp8: "VP8", h264: "H.264", vp9: "VP9", av1: "AV1" };

const SHORTCUTS: readonly [string, string][] = [
  ["M", "mute and unmute"],
  ["V", "camera on and off"],
  ["S", "share the screen"],
  ["P", "people"],
];

/** Devices, look and shortcuts, from within the room. */
export function SettingsDialog({ meeting, opened, onClose }: SettingsDialogProps) {
  const { wishes } = useServices();
  const { shortcuts, videoCodec } = useValue(wishes.value);
  return (
    <Modal opened={opened} onClose={onClose} title="Settings" centered transitionProps={{ duration: 0 }} closeButtonProps={{ "aria-label": "Close" }}>
      <Stack>
        <DeviceTrouble meeting={meeting} device="camera" />
        <DeviceTrouble meeting={meeting} device="microphone" />
        <DeviceChoice meeting={meeting} />
        <NativeSelect
          label="How my picture is sent"
          description="From the next meeting on. VP8 suits every computer; VP9 and AV1 look better on slow networks and work the computer harder."
          data={VIDEO_CODECS.map((codec) => ({ value: codec, label: CODEC_NAMES[codec] }))}
          value={videoCodec}
          onChange={(event) => wishes.set({ videoCodec: VIDEO_CODECS[event.currentTarget.selectedIndex] ?? "vp8" })}
          data-testid="choose-codec"
        />
        <Group justify="space-between">
          <Text>Light or dark</Text>
          <SchemeButton />
        </Group>
        <Switch
          label="Shortcuts with single letters"
          checked={shortcuts}
          onChange={(event) => wishes.set({ shortcuts: event.currentTarget.checked })}
        />
        <Group gap="md">
          {SHORTCUTS.map(([key, does]) => (
            <Text size="sm" key={key}>
              <Kbd>{key}</Kbd> {does}
            </Text>
          ))}
        </Group>
      </Stack>
    </Modal>
  );
}

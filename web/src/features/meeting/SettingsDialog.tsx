import { Group, Kbd, Modal, Stack, Switch, Text } from "@mantine/core";
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

const SHORTCUTS: readonly [string, string][] = [
  ["M", "mute and unmute"],
  ["V", "camera on and off"],
  ["S", "share the screen"],
  ["P", "people"],
];

/** Devices, look and shortcuts, from within the room. */
export function SettingsDialog({ meeting, opened, onClose }: SettingsDialogProps) {
  const { wishes } = useServices();
  const { shortcuts } = useValue(wishes.value);
  return (
    <Modal opened={opened} onClose={onClose} title="Settings" centered transitionProps={{ duration: 0 }} closeButtonProps={{ "aria-label": "Close" }}>
      <Stack>
        <DeviceTrouble meeting={meeting} device="camera" />
        <DeviceTrouble meeting={meeting} device="microphone" />
        <DeviceChoice meeting={meeting} />
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

import { Button, Group, Modal, Text } from "@mantine/core";

interface EndDialogProps {
  opened: boolean;
  onClose: () => void;
  onEnd: () => void;
}

/** Ending for everyone cannot be undone: ask once. */
export function EndDialog({ opened, onClose, onEnd }: EndDialogProps) {
  return (
    <Modal opened={opened} onClose={onClose} title="End the meeting for everyone?" centered transitionProps={{ duration: 0 }} closeButtonProps={{ "aria-label": "Close" }}>
      <Text mb="lg">Everybody is sent out. A recording that runs is finished and appears on the meeting&apos;s page.</Text>
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          Go on with the meeting
        </Button>
        <Button
          color="var(--danger)"
          onClick={() => {
            onClose();
            onEnd();
          }}
          data-testid="confirm-end"
        >
          End for everyone
        </Button>
      </Group>
    </Modal>
  );
}

import { Button } from "@mantine/core";
import type { RoomView } from "../../state/room-view";
import { CheckIcon, LinkIcon } from "../../ui/icons";
import { useCopied } from "./useCopied";

/** Puts the invite link into the clipboard. */
export function InviteButton({ room, testId }: { room: RoomView; testId: string }) {
  const { copied, copy } = useCopied(room.inviteUrl);
  return (
    <Button leftSection={copied ? <CheckIcon /> : <LinkIcon />} onClick={() => void copy()} data-testid={testId}>
      {copied ? "Link copied" : "Copy the invite link"}
    </Button>
  );
}

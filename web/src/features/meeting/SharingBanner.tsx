import { Button } from "@mantine/core";
import type { Meeting } from "../../state/meeting";
import { ShareIcon } from "../../ui/icons";
import { useValue } from "../../ui/useValue";
import classes from "./Room.module.css";

/** That the own screen is shown to everyone, with the way to stop it. */
export function SharingBanner({ meeting }: { meeting: Meeting }) {
  const screen = useValue(meeting.capture.source("screen"));
  const sound = useValue(meeting.capture.source("screen_audio"));
  if (screen.state !== "live") return null;
  return (
    <div className={classes.sharing} role="status" data-testid="sharing">
      <ShareIcon />
      <span>Everyone sees what you share{sound.state === "live" ? " and hears its sound" : ""}.</span>
      <Button size="compact-sm" variant="default" onClick={() => meeting.capture.stopScreen()}>
        Stop sharing
      </Button>
    </div>
  );
}

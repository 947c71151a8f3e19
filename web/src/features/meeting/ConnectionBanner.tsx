import { Button } from "@mantine/core";
import { isWeak, type ConnectionState, type NetworkFigures, type SessionState } from "@client";
import type { RoomView } from "../../state/room-view";
import { WarningIcon } from "../../ui/icons";
import { useNow } from "../../ui/useNow";
import { useValue } from "../../ui/useValue";
import classes from "./Room.module.css";

/** In plain words what is wrong with the connection; nothing while all is well. */
export function ConnectionBanner({ room }: { room: RoomView }) {
  const { session } = room;
  const state = useValue(session.state);
  const transport = useValue(session.transport);
  const network = useValue(session.network);
  const retryAtMs = useValue(session.retryAtMs);
  const now = useNow();
  const words = bannerWords(state, transport, network, retryAtMs === null ? null : retryAtMs - now);
  return (
    <div aria-live="polite">
      {words !== null && (
        <div className={classes.banner} data-testid="connection-banner">
          <WarningIcon />
          <span>{words}</span>
          {state.at === "lost" && (
            <Button size="compact-sm" variant="default" onClick={() => session.hurry()}>
              Try now
            </Button>
          )}
        </div>
      )}
    </div>
  );
}

function bannerWords(
  state: SessionState,
  transport: ConnectionState,
  network: NetworkFigures | null,
  retryInMs: number | null,
): string | null {
  if (state.at === "lost") {
    const seconds = retryInMs === null ? 0 : Math.ceil(retryInMs / 1000);
    const next = seconds > 0 ? `Trying again in ${seconds} s.` : "Trying again now.";
    return `The connection is lost. You keep your place. ${next}`;
  }
  if (transport === "interrupted") return "Sound and picture are interrupted. They usually come back by themselves.";
  if (transport === "failed") return "Sound and picture cannot get through. Trying another way. A firewall may be in between.";
  if (isWeak(network)) return "Your network is weak. Turning your camera off helps the sound.";
  return null;
}

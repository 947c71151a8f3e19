import { hueOf, initials } from "../../lib/format";
import { type Arrival, interruptionWords, isMuted, type Person } from "../../state/people";
import { MicrophoneOffIcon } from "../../ui/icons";
import classes from "./Tile.module.css";
import { VideoView } from "./VideoView";

interface TileViewProps {
  person: Person;
  media: MediaStreamTrack | null;
  source?: "camera" | "screen";
  /** How the picture arrives, where it comes over the network. */
  arrival?: Arrival;
  small: boolean;
}

const WELL: Arrival = { frozen: false };

/** One person's picture, or their letters, with name and marks. */
export function TileView({ person, media, source = "camera", arrival = WELL, small }: TileViewProps) {
  const flows = person[source] === "live";
  const muted = isMuted(person);
  const isScreen = source === "screen";
  const interruption = interruptionWords(person, flows ? arrival : WELL);
  const name = isScreen ? `${person.name}'s screen` : person.self ? `${person.name} (you)` : person.name;
  return (
    <div
      className={`${classes.tile} ${isScreen ? classes.screen : ""} ${person.self && !isScreen ? classes.self : ""}`}
      data-testid={isScreen ? "screen-tile" : "tile"}
      data-participant={person.id}
      data-source={source}
      data-muted={muted}
      data-speaking={person.speaking}
      data-self={person.self}
      data-interrupted={interruption !== null}
      data-paused={flows ? arrival.paused : undefined}
    >
      {!isScreen && <Letters person={person} small={small} />}
      {flows && media !== null && (
        <VideoView
          track={media}
          source={source}
          participant={person.id}
          isSelf={person.self}
          label={isScreen ? name : `Picture of ${name}`}
        />
      )}
      {interruption !== null && (
        <p className={`${classes.interruption} ${small ? classes.brief : ""}`} data-testid="interrupted">
          <span>{interruption}</span>
        </p>
      )}
      <p className={classes.name}>
        {!isScreen && muted && (
          <span className={classes.mark} role="img" aria-label="Muted">
            <MicrophoneOffIcon size={16} />
          </span>
        )}
        <span className={classes.text}>{name}</span>
      </p>
    </div>
  );
}

function Letters({ person, small }: { person: Person; small: boolean }) {
  return (
    <div className={classes.letters} aria-hidden="true">
      <span
        className={classes.circle}
        style={{ background: `hsl(${hueOf(person.name)} 42% 34%)`, fontSize: small ? 18 : 30, width: small ? 44 : 84, height: small ? 44 : 84 }}
      >
        {initials(person.name)}
      </span>
    </div>
  );
}

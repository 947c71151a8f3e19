// What is seen: a shared screen large, people in a grid or a strip, page by page.

import { ActionIcon, Button, Text } from "@mantine/core";
import { useEffect, useRef } from "react";
import { trackId, type TrackId } from "@client";
import type { Meeting } from "../../state/meeting";
import type { RoomView } from "../../state/room-view";
import type { Layout } from "../../state/layout";
import type { Arrival } from "../../state/people";
import { NextIcon, PreviousIcon } from "../../ui/icons";
import { useValue } from "../../ui/useValue";
import { InviteButton } from "./InviteButton";
import classes from "./Stage.module.css";
import { TileView } from "./TileView";

interface StageProps {
  meeting: Meeting;
  room: RoomView;
}

export function Stage({ meeting, room }: StageProps) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) room.setStage({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [room]);
  const layout = useValue(room.layout);
  const people = useValue(room.people);
  return (
    <section className={classes.stage} aria-label="Stage">
      <div ref={box} className={`${classes.box} ${layout.strip === "bottom" ? classes.stacked : ""}`}>
        <Screen room={room} layout={layout} />
        <Grid meeting={meeting} room={room} layout={layout} />
        {people.length === 1 && <Alone room={room} />}
      </div>
      {layout.pages > 1 && <Pager room={room} layout={layout} />}
    </section>
  );
}

function Grid({ meeting, room, layout }: { meeting: Meeting; room: RoomView; layout: Layout }) {
  const pictures = useValue(room.session.pictures);
  const arrivalOf = useArrivals(room);
  const own = useValue(meeting.capture.source("camera"));
  return (
    <ul className={classes.grid}>
      {layout.tiles.map(({ person }) => (
        <li key={person.id} style={layout.tile}>
          <TileView
            person={person}
            media={person.self ? own.track : (pictures.get(trackId(person.id, "camera")) ?? null)}
            {...(person.self ? {} : { arrival: arrivalOf(trackId(person.id, "camera")) })}
            small={layout.tile.height < 130}
          />
        </li>
      ))}
    </ul>
  );
}

/** How each picture arrives. */
function useArrivals(room: RoomView): (track: TrackId) => Arrival {
  const frozen = useValue(room.session.frozen);
  const paused = useValue(room.session.paused);
  return (track) => ({ frozen: frozen.has(track), paused: paused.get(track) });
}

function Screen({ room, layout }: { room: RoomView; layout: Layout }) {
  const pictures = useValue(room.session.pictures);
  const people = useValue(room.people);
  const arrivalOf = useArrivals(room);
  if (layout.screen === null) return null;
  const { person } = layout.screen;
  const track = trackId(person.id, "screen");
  const media = pictures.get(track) ?? null;
  // A screen on which nothing moves brings no frames and is well.
  const arrival: Arrival = { ...arrivalOf(track), frozen: false };
  const sharers = people.filter((other) => !other.self && other.screen === "live");
  return (
    <div className={classes.screen} style={{ width: layout.screenPx.width, height: layout.screenPx.height }}>
      <TileView person={person} media={media} source="screen" arrival={arrival} small={false} />
      {sharers.length > 1 && (
        <div className={classes.sharers}>
          {sharers.map((other) => (
            <Button
              key={other.id}
              size="compact-sm"
              variant={other.id === person.id ? "filled" : "default"}
              aria-pressed={other.id === person.id}
              onClick={() => room.chooseScreen(other.id)}
            >
              {other.name}&apos;s screen
            </Button>
          ))}
        </div>
      )}
    </div>
  );
}

function Alone({ room }: { room: RoomView }) {
  return (
    <div className={classes.alone}>
      <Text fw={600}>Nobody else is here yet.</Text>
      <InviteButton room={room} testId="copy-invite-alone" />
    </div>
  );
}

function Pager({ room, layout }: { room: RoomView; layout: Layout }) {
  return (
    <nav className={classes.pager} aria-label="Pages of people">
      <ActionIcon
        variant="default"
        size={36}
        aria-label="Previous people"
        disabled={layout.page === 0}
        onClick={() => room.turnPage(-1)}
      >
        <PreviousIcon />
      </ActionIcon>
      <span>
        Page {layout.page + 1} of {layout.pages}
      </span>
      <ActionIcon
        variant="default"
        size={36}
        aria-label="Next people"
        disabled={layout.page === layout.pages - 1}
        onClick={() => room.turnPage(1)}
      >
        <NextIcon />
      </ActionIcon>
    </nav>
  );
}

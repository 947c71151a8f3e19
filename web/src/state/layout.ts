// Decides what the room's stage shows, where and how large. Pure.

import { type ParticipantId, type Shown, trackId } from "@client";
import type { Person } from "./people";

/** A picture of 16:9, the shape of nearly every camera. */
const ASPECT = 16 / 9;
const GAP_PX = 8;
/** A face in a smaller tile cannot be read. */
const LEAST_TILE_WIDTH_PX = 150;
/** More moving pictures than this tax any laptop. */
export const MOST_TILES = 24;
/** Share of the stage that a shared screen takes. */
const SCREEN_SHARE = 0.78;

export interface Size {
  width: number;
  height: number;
}

export interface Tile {
  person: Person;
  source: "camera" | "screen";
}

export interface Layout {
  /** The shared screen that is shown large. */
  screen: Tile | null;
  /** Where the tiles of people are when a screen is shown. */
  strip: "none" | "right" | "bottom";
  tiles: Tile[];
  tile: Size;
  columns: number;
  /** Size of the screen's place. */
  screenPx: Size;
  page: number;
  pages: number;
}

export interface LayoutInput {
  people: readonly Person[];
  /** The order in which people are shown; see `promote`. */
  order: readonly ParticipantId[];
  stage: Size;
  page: number;
  /** Which shared screen the person chose, where there are several. */
  chosenScreen: ParticipantId | null;
}

export function chooseLayout({ people, order, stage, page, chosenScreen }: LayoutInput): Layout {
  // One's own screen is not shown to oneself: a mirror in a mirror.
  const sharing = people.filter((person) => person.screen === "live" && !person.self);
  const sharer = sharing.find(({ id }) => id === chosenScreen) ?? sharing.at(-1);
  const screen: Tile | null = sharer === undefined ? null : { person: sharer, source: "screen" };
  const wide = stage.width >= stage.height;
  const strip = screen === null ? "none" : wide ? "right" : "bottom";
  const [screenPx, area] = splitStage(stage, strip);
  const ordered = inOrder(people, order);
  const capacity = tileCapacity(area);
  const pages = Math.max(1, Math.ceil(ordered.length / capacity));
  const shownPage = Math.min(Math.max(0, page), pages - 1);
  const onPage = ordered.slice(shownPage * capacity, (shownPage + 1) * capacity);
  const tiles = onPage.map((person): Tile => ({ person, source: "camera" }));
  const { columns, tile } = bestGrid(tiles.length, area);
  return { screen, strip, tiles, tile, columns, screenPx, page: shownPage, pages };
}

/** The grid in which `count` tiles of 16:9 come out largest. */
export function bestGrid(count: number, area: Size): { columns: number; tile: Size } {
  let best = { columns: 1, tile: { width: 0, height: 0 } };
  for (let columns = 1; columns <= Math.max(1, count); columns++) {
    const rows = Math.ceil(Math.max(1, count) / columns);
    const widest = (area.width - GAP_PX * (columns - 1)) / columns;
    const highest = (area.height - GAP_PX * (rows - 1)) / rows;
    const width = Math.floor(Math.max(0, Math.min(widest, highest * ASPECT)));
    if (width > best.tile.width) best = { columns, tile: { width, height: Math.floor(width / ASPECT) } };
  }
  return best;
}

/** How many tiles of readable size fit. */
export function tileCapacity(area: Size): number {
  const columns = Math.floor((area.width + GAP_PX) / (LEAST_TILE_WIDTH_PX + GAP_PX));
  const rows = Math.floor((area.height + GAP_PX) / (LEAST_TILE_WIDTH_PX / ASPECT + GAP_PX));
  return Math.min(MOST_TILES, Math.max(1, columns) * Math.max(1, rows));
}

/**
 * The order in which people are shown: as they came (who comes back, in their place among those who
 * are here already), except that a speaker who is not on the
 * first page takes the place of its last tile. Nobody else moves, so that faces stay where they are.
 */
export function promote(
  order: readonly ParticipantId[],
  people: readonly Person[],
  firstPage: number,
): readonly ParticipantId[] {
  const present = people.map(({ id }) => id);
  let next = order.filter((id) => present.includes(id));
  for (const [place, id] of present.entries()) {
    if (next.includes(id)) continue;
    const comesBack = present.slice(place + 1).some((later) => next.includes(later));
    const before = present[place - 1];
    next.splice(comesBack && before !== undefined ? next.indexOf(before) + 1 : next.length, 0, id);
  }
  const hidden = people.filter((person) => person.speaking && next.indexOf(person.id) >= firstPage);
  for (const { id } of hidden.slice(0, 1)) {
    next = next.filter((other) => other !== id);
    next.splice(Math.max(1, firstPage - 1), 0, id);
  }
  return next.length === order.length && next.every((id, i) => id === order[i]) ? order : next;
}

/** What to ask the node for: the screen first, then speakers, then the others. */
export function shownPictures(layout: Layout, pixelRatio: number): Shown[] {
  const shown: Shown[] = [];
  if (layout.screen !== null) {
    const heightPx = layout.screenPx.height * pixelRatio;
    shown.push({ track: trackId(layout.screen.person.id, "screen"), heightPx, priority: 200 });
  }
  const remote = layout.tiles.filter(({ person }) => !person.self && person.camera === "live");
  const speakersFirst = [...remote.filter(({ person }) => person.speaking), ...remote.filter(({ person }) => !person.speaking)];
  for (const { person } of speakersFirst) {
    const heightPx = layout.tile.height * pixelRatio;
    shown.push({ track: trackId(person.id, "camera"), heightPx, priority: person.speaking ? 160 : 100 });
  }
  return shown;
}

function splitStage(stage: Size, strip: Layout["strip"]): [Size, Size] {
  if (strip === "none") return [{ width: 0, height: 0 }, stage];
  if (strip === "right") {
    const width = Math.floor(stage.width * SCREEN_SHARE);
    return [
      { width, height: stage.height },
      { width: stage.width - width - GAP_PX, height: stage.height },
    ];
  }
  const height = Math.floor(stage.height * SCREEN_SHARE);
  return [
    { width: stage.width, height },
    { width: stage.width, height: stage.height - height - GAP_PX },
  ];
}

function inOrder(people: readonly Person[], order: readonly ParticipantId[]): Person[] {
  const place = (person: Person) => {
    const at = order.indexOf(person.id);
    return at < 0 ? order.length : at;
  };
  return [...people].sort((a, b) => place(a) - place(b));
}

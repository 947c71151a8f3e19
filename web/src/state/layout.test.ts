import { describe, expect, test } from "vitest";
import { bestGrid, chooseLayout, type LayoutInput, MOST_TILES, promote, shownPictures, tileCapacity } from "./layout";
import type { Person } from "./people";

const DESK = { width: 1200, height: 600 };
const PHONE = { width: 348, height: 480 };

function person(id: string, more: Partial<Person> = {}): Person {
  return { id, name: id, role: "guest", self: id === "me", lost: false, speaking: false, microphone: "live", camera: "live", screen: "off", ...more };
}

const crowd = (count: number) => [person("me"), ...Array.from({ length: count - 1 }, (_, i) => person(`p${i}`))];

function layout(people: Person[], more: Partial<LayoutInput> = {}) {
  return chooseLayout({ people, order: people.map(({ id }) => id), stage: DESK, page: 0, chosenScreen: null, ...more });
}

describe("the grid", () => {
  test.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 2],
    [5, 3],
    [9, 3],
    [12, 4],
  ])("%i people on a wide stage stand in %i columns", (count, columns) => {
    expect(bestGrid(count, DESK).columns).toBe(columns);
  });

  test("tiles never leave the stage", () => {
    for (let count = 1; count <= MOST_TILES; count++) {
      for (const stage of [DESK, PHONE, { width: 90, height: 90 }, { width: 0, height: 0 }]) {
        const { columns, tile } = bestGrid(count, stage);
        const rows = Math.ceil(count / columns);
        expect(columns * tile.width + (columns - 1) * 8).toBeLessThanOrEqual(Math.max(stage.width, (columns - 1) * 8));
        expect(rows * tile.height + (rows - 1) * 8).toBeLessThanOrEqual(Math.max(stage.height, (rows - 1) * 8));
      }
    }
  });

  test("people beyond what fits are on further pages, everyone exactly once", () => {
    const people = crowd(70);
    const first = layout(people);
    expect(first.tiles).toHaveLength(tileCapacity(DESK));
    const seen = Array.from({ length: first.pages }, (_, page) => layout(people, { page }).tiles).flat();
    expect(seen.map((tile) => tile.person.id)).toEqual(people.map(({ id }) => id));
  });

  test("a page that is not there any more is the last one", () => {
    expect(layout(crowd(3), { page: 9 }).page).toBe(0);
    expect(layout(crowd(70), { page: -2 }).page).toBe(0);
  });
});

describe("a shared screen", () => {
  test("is large, with people beside it on a desk and below it on a phone", () => {
    const people = [person("me"), person("ben", { screen: "live" })];
    expect(layout(people)).toMatchObject({ strip: "right", screen: { person: { id: "ben" } } });
    expect(layout(people).screenPx.width).toBeGreaterThan(900);
    expect(layout(people, { stage: PHONE }).strip).toBe("bottom");
  });

  test("of oneself is not shown to oneself", () => {
    expect(layout([person("me", { screen: "live" }), person("ben")]).screen).toBeNull();
  });

  test("is the newest of several, unless another was chosen", () => {
    const people = [person("me"), person("ann", { screen: "live" }), person("ben", { screen: "live" })];
    expect(layout(people).screen?.person.id).toBe("ben");
    expect(layout(people, { chosenScreen: "ann" }).screen?.person.id).toBe("ann");
    expect(layout(people, { chosenScreen: "gone" }).screen?.person.id).toBe("ben");
  });
});

describe("the order of people", () => {
  // Written as two lines: who is there (a speaker in capitals), and in which order they stand after.
  test.each([
    ["me a b c d", "me a b c d"],
    ["me a b c D", "me a D b c"],
    ["me a B c d", "me a b c d"],
    ["me a c d", "me a c d"],
  ])("%s stands as %s", (there, expected) => {
    const people = there.split(" ").map((id) => person(id.toLowerCase(), { speaking: id !== id.toLowerCase() }));
    const order = promote(["me", "a", "b", "c", "d"], people, 3);
    expect(order.join(" ")).toBe(expected.toLowerCase());
  });

  test("who comes back is in their place, and who comes is last", () => {
    const people = ["me", "a", "b", "c"].map((id) => person(id));
    expect(promote(["me", "c", "b"], people, 4)).toEqual(["me", "a", "c", "b"]);
    expect(promote(["me", "b", "a"], people, 4)).toEqual(["me", "b", "a", "c"]);
  });

  test("stays the same object while nothing moves", () => {
    const order = ["me", "a"];
    expect(promote(order, [person("me"), person("a")], 4)).toBe(order);
  });
});

describe("what is asked of the node", () => {
  test("the screen first, then speakers; nobody's own and no dark camera", () => {
    const people = [
      person("me", { speaking: true }),
      person("ann"),
      person("ben", { screen: "live", camera: "muted" }),
      person("cleo", { speaking: true }),
    ];
    const shown = shownPictures(layout(people), 2);
    expect(shown.map(({ track }) => track)).toEqual(["ben:screen", "cleo:camera", "ann:camera"]);
    expect(shown[0]?.heightPx).toBe(1200);
    expect(shown[0]?.priority).toBeGreaterThan(shown[1]?.priority ?? 0);
  });
});

import { describe, expect, test } from "vitest";
import { memoryIn } from "../lib/storage";
import { DEFAULT_WISHES, readWishes, RememberedWishes } from "./wishes";

describe("what a browser remembers", () => {
  test("is written and read back", () => {
    const memory = memoryIn(() => localStorage);
    new RememberedWishes(memory).set({ cameraId: "front", name: "Ann", cameraOn: false, videoCodec: "av1" });
    expect(new RememberedWishes(memory).value.get()).toEqual({ ...DEFAULT_WISHES, cameraId: "front", name: "Ann", cameraOn: false, videoCodec: "av1" });
  });

  test.each([[null], ["{"], ["7"], ['{"cameraId":3,"shortcuts":"no","videoCodec":"mp3"}']])("%j gives the defaults", (text) => {
    expect(readWishes(text)).toEqual(DEFAULT_WISHES);
  });

  test("a browser that forbids storage forgets without a fault", () => {
    const memory = memoryIn(() => {
      throw new Error("forbidden");
    });
    new RememberedWishes(memory).set({ name: "Ann" });
    expect(memory.read("wishes")).toBeNull();
  });
});

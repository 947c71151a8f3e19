import { describe, expect, test } from "vitest";
import { Capture, trackState } from "./capture";
import { deviceProblem, type MediaDevicesLike } from "./devices";
import { Scope } from "./lib/scope";
import { FakeMediaDevices } from "./tests/fakes";

const WISHES = { cameraId: null, microphoneId: null, soundProcessing: true };

function setUp(): { devices: FakeMediaDevices; scope: Scope; capture: Capture } {
  const devices = new FakeMediaDevices();
  const scope = new Scope();
  return { devices, scope, capture: new Capture(scope, devices as unknown as MediaDevicesLike, WISHES) };
}

describe("capture", () => {
  test("a camera that goes off is let go and said to be muted", async () => {
    const { devices, capture } = setUp();
    await capture.startCamera();
    expect(trackState(capture.source("camera").get())).toBe("live");
    capture.stopCamera();
    expect(devices.given[0]?.stopped).toBe(true);
    expect(trackState(capture.source("camera").get())).toBe("muted");
  });

  test("a muted microphone keeps its device and is silent", async () => {
    const { devices, capture } = setUp();
    await capture.startMicrophone();
    capture.muteMicrophone();
    expect(devices.given[0]).toMatchObject({ stopped: false, enabled: false });
    await capture.unmuteMicrophone();
    expect(devices.given).toHaveLength(1);
    expect(capture.source("microphone").get().state).toBe("live");
  });

  test("a switch while the camera starts ends as off", async () => {
    const { devices, capture } = setUp();
    const starting = capture.startCamera();
    capture.stopCamera();
    await starting;
    expect(capture.source("camera").get()).toEqual({ state: "off", track: null, problem: null });
    expect(devices.given[0]?.stopped).toBe(true);
  });

  test("a refused device leaves its problem, and saying no to sharing is none", async () => {
    const { devices, capture } = setUp();
    devices.refuse = "NotAllowedError";
    await capture.startCamera();
    expect(capture.source("camera").get().problem).toBe("denied");
    await capture.startScreen();
    expect(capture.source("screen").get().problem).toBeNull();
  });

  test("the browser's own end of sharing ends its sound too", async () => {
    const { devices, capture } = setUp();
    await capture.startScreen();
    expect(capture.source("screen_audio").get().state).toBe("live");
    devices.given[0]?.dispatchEvent(new Event("ended"));
    expect(capture.source("screen").get().state).toBe("off");
    expect(capture.source("screen_audio").get().state).toBe("off");
  });

  test("an unplugged camera says so", async () => {
    const { devices, capture } = setUp();
    await capture.startCamera();
    devices.given[0]?.dispatchEvent(new Event("ended"));
    expect(capture.source("camera").get()).toEqual({ state: "off", track: null, problem: "ended" });
  });

  test("the end of the scope lets every device go", async () => {
    const { devices, scope, capture } = setUp();
    await capture.startCamera();
    await capture.startMicrophone();
    scope.end();
    expect(devices.given.map(({ stopped }) => stopped)).toEqual([true, true]);
  });

  test("a page without devices says why", async () => {
    const capture = new Capture(new Scope(), undefined, WISHES);
    await capture.startCamera();
    expect(capture.source("camera").get().problem).toBe("insecure");
  });
});

test.each([
  ["NotAllowedError", "denied"],
  ["NotFoundError", "missing"],
  ["OverconstrainedError", "missing"],
  ["NotReadableError", "in_use"],
  ["TypeError", "unknown"],
])("%s is %s", (name, problem) => {
  expect(deviceProblem(Object.assign(new Error(), { name }))).toBe(problem);
});

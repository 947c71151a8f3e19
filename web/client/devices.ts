// What cameras, microphones and speakers there are, and why one cannot be had.

import type { Scope } from "./lib/scope";
import { Cell, type Value } from "./lib/value";

/** Why a device gives nothing. The words for people are the page's. */
export type DeviceProblem =
  /** The person, or the system, said no. */
  | "denied"
  /** There is none, or not the chosen one. */
  | "missing"
  /** Another program holds it. */
  | "in_use"
  /** The page is not served over https or from this machine, so the browser offers no devices. */
  | "insecure"
  /** It worked and then stopped: unplugged, or taken away by the system. */
  | "ended"
  | "unknown";

/** The problem behind what `getUserMedia` or `getDisplayMedia` rejected with (Media Capture and Streams, section 10.2). */
export function deviceProblem(error: unknown): DeviceProblem {
  const name = typeof error === "object" && error !== null && "name" in error ? error.name : "";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
    case "PermissionDeniedError":
      return "denied";
    case "NotFoundError":
    case "OverconstrainedError":
    case "DevicesNotFoundError":
      return "missing";
    case "NotReadableError":
    case "AbortError":
    case "TrackStartError":
      return "in_use";
    default:
      return "unknown";
  }
}

/** `navigator.mediaDevices`, or what a test puts in its place. Some browsers cannot share a screen. */
export type MediaDevicesLike = EventTarget &
  Pick<MediaDevices, "enumerateDevices" | "getUserMedia"> &
  Partial<Pick<MediaDevices, "getDisplayMedia">>;

export interface Device {
  id: string;
  /** What the system calls it; empty until permission was given. */
  label: string;
}

export class Devices {
  private readonly camerasCell = new Cell<readonly Device[]>([]);
  private readonly microphonesCell = new Cell<readonly Device[]>([]);
  private readonly speakersCell = new Cell<readonly Device[]>([]);

  constructor(
    scope: Scope,
    private readonly media: MediaDevicesLike | undefined,
  ) {
    if (media === undefined) return;
    scope.listen(media, "devicechange", () => void this.refresh());
    void this.refresh();
  }

  get cameras(): Value<readonly Device[]> {
    return this.camerasCell;
  }

  get microphones(): Value<readonly Device[]> {
    return this.microphonesCell;
  }

  get speakers(): Value<readonly Device[]> {
    return this.speakersCell;
  }

  /** Asks again: labels appear once permission is given. */
  async refresh(): Promise<void> {
    const found = (await this.media?.enumerateDevices().catch(() => [])) ?? [];
    this.camerasCell.set(ofKind(found, "videoinput"));
    this.microphonesCell.set(ofKind(found, "audioinput"));
    this.speakersCell.set(ofKind(found, "audiooutput"));
  }
}

function ofKind(found: MediaDeviceInfo[], kind: MediaDeviceKind): Device[] {
  return found
    .filter((device) => device.kind === kind && device.deviceId !== "")
    .map(({ deviceId, label }) => ({ id: deviceId, label }));
}

// What this browser remembers of a person's choices: devices, name, shortcuts.

import { Cell, type CaptureWishes, type Value, VIDEO_CODECS, type VideoCodec } from "@client";
import type { Memory } from "../lib/storage";

export interface Wishes extends CaptureWishes {
  speakerId: string | null;
  /** Single-letter shortcuts in the room. */
  shortcuts: boolean;
  name: string;
  cameraOn: boolean;
  microphoneOn: boolean;
  /** What the camera is encoded in, where the browser can. */
  videoCodec: VideoCodec;
}

export const DEFAULT_WISHES: Wishes = {
  cameraId: null,
  microphoneId: null,
  speakerId: null,
  soundProcessing: true,
  shortcuts: true,
  name: "",
  cameraOn: true,
  microphoneOn: true,
  videoCodec: "vp8",
};

export class RememberedWishes {
  private readonly cell: Cell<Wishes>;

  constructor(private readonly memory: Memory) {
    this.cell = new Cell(readWishes(memory.read("wishes")));
  }

  get value(): Value<Wishes> {
    return this.cell;
  }

  set(change: Partial<Wishes>): void {
    this.cell.update((now) => ({ ...now, ...change }));
    this.memory.write("wishes", JSON.stringify(this.cell.get()));
  }
}

/** What was remembered, field by field: a field of another type is forgotten. */
export function readWishes(text: string | null): Wishes {
  let read: Record<string, unknown> = {};
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    if (typeof value === "object" && value !== null) read = value as Record<string, unknown>;
  } catch {
    // Unreadable: the defaults.
  }
  const id = (name: string) => (typeof read[name] === "string" ? read[name] : null);
  const flag = (name: "soundProcessing" | "shortcuts" | "cameraOn" | "microphoneOn") =>
    typeof read[name] === "boolean" ? read[name] : DEFAULT_WISHES[name];
  return {
    cameraId: id("cameraId"),
    microphoneId: id("microphoneId"),
    speakerId: id("speakerId"),
    soundProcessing: flag("soundProcessing"),
    shortcuts: flag("shortcuts"),
    name: id("name") ?? "",
    cameraOn: flag("cameraOn"),
    microphoneOn: flag("microphoneOn"),
    videoCodec: VIDEO_CODECS.find((codec) => codec === read["videoCodec"]) ?? DEFAULT_WISHES.videoCodec,
  };
}

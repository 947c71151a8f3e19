// Short notes that appear and go by themselves, and what a screen reader is told.

import { type Browser, Cell, type Value } from "@client";

/** Long enough to read two lines. */
const SHOWN_MS = 6_000;
/** More at once would cover the room; the oldest goes. */
const MOST_NOTES = 4;

export interface Note {
  id: number;
  text: string;
  kind: "news" | "problem";
}

export class Notes {
  private readonly cell = new Cell<readonly Note[]>([]);
  private readonly saidCell = new Cell("");
  private lastId = 0;

  constructor(private readonly browser: Browser) {}

  get shown(): Value<readonly Note[]> {
    return this.cell;
  }

  /** The last sentence for a screen reader. */
  get said(): Value<string> {
    return this.saidCell;
  }

  tell(text: string, kind: Note["kind"] = "news"): void {
    this.lastId += 1;
    const note = { id: this.lastId, text, kind };
    this.cell.update((notes) => [...notes, note].slice(-MOST_NOTES));
    // The same words twice are not read twice unless the text differs.
    this.saidCell.set(this.saidCell.get() === text ? `${text}\u00a0` : text);
    this.browser.after(SHOWN_MS, () => this.dismiss(note.id));
  }

  dismiss(id: number): void {
    this.cell.update((notes) => notes.filter((note) => note.id !== id));
  }
}

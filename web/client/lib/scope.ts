// Decides how long things live: every timer, listener and subscription belongs to a scope, and
// ending the scope ends them all, newest first.

/** A lifetime. */
export class Scope {
  private ends: (() => void)[] = [];
  private isEnded = false;

  get ended(): boolean {
    return this.isEnded;
  }

  /** Runs `end` when this lifetime ends; at once if it already has. */
  onEnd(end: () => void): void {
    if (this.isEnded) end();
    else this.ends.push(end);
  }

  /** A lifetime that ends with this one, or earlier. */
  child(): Scope {
    const child = new Scope();
    const end = () => child.end();
    this.onEnd(end);
    child.onEnd(() => {
      this.ends = this.ends.filter((other) => other !== end);
    });
    return child;
  }

  listen(target: EventTarget, type: string, handler: (event: Event) => void): void {
    target.addEventListener(type, handler);
    this.onEnd(() => target.removeEventListener(type, handler));
  }

  end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    const ends = this.ends.reverse();
    this.ends = [];
    for (const end of ends) end();
  }
}

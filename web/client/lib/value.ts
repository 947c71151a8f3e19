// Decides how a part of the SDK shows what it knows: a value that can always be read, and a
// subscription that says "read again". Everything a class puts out is a `Value`; only the class
// itself holds the `Cell` behind it.

/** Something that can be read at any time and followed. */
export interface Value<T> {
  get(): T;
  /** Calls `listener` after every change, until the returned function is called. */
  subscribe(listener: () => void): () => void;
}

/** A value that its owner sets. */
export class Cell<T> implements Value<T> {
  private readonly listeners = new Set<() => void>();

  constructor(private current: T) {}

  get = (): T => this.current;

  /** Tells the listeners, unless the new value is the old one. */
  set(next: T): void {
    if (Object.is(next, this.current)) return;
    this.current = next;
    // A listener may unsubscribe others while it runs: walk a copy.
    for (const listener of [...this.listeners]) listener();
  }

  update(change: (current: T) => T): void {
    this.set(change(this.current));
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
}

type Values<T extends readonly unknown[]> = { [K in keyof T]: Value<T[K]> };

/**
 * A value computed from others. It is computed again only when an input changed, so that two
 * reads without a change give the identical object.
 */
export function derive<const T extends readonly unknown[], R>(
  sources: Values<T>,
  compute: (...inputs: T) => R,
): Value<R> {
  let inputs: T | undefined;
  let output: R;
  const get = (): R => {
    const now = sources.map((source) => source.get()) as unknown as T;
    if (inputs === undefined || now.some((value, i) => !Object.is(value, inputs?.[i]))) {
      inputs = now;
      output = compute(...now);
    }
    return output;
  };
  const subscribe = (listener: () => void): (() => void) => {
    let last = get();
    const check = () => {
      const next = get();
      if (Object.is(next, last)) return;
      last = next;
      listener();
    };
    const stops = sources.map((source) => source.subscribe(check));
    return () => stops.forEach((stop) => stop());
  };
  return { get, subscribe };
}

/** The value that `pick` finds in whatever `source` holds now; `none` while it holds nothing. */
export function within<S, R>(source: Value<S | null>, pick: (held: S) => Value<R>, none: R): Value<R> {
  const get = (): R => {
    const held = source.get();
    return held === null ? none : pick(held).get();
  };
  const subscribe = (listener: () => void): (() => void) => {
    let stopInner: () => void = () => undefined;
    const wire = () => {
      stopInner();
      const held = source.get();
      stopInner = held === null ? () => undefined : pick(held).subscribe(listener);
    };
    wire();
    const stopOuter = source.subscribe(() => {
      wire();
      listener();
    });
    return () => {
      stopOuter();
      stopInner();
    };
  };
  return { get, subscribe };
}

/** Calls `act` with the value now and after every change. */
export function follow<T>(value: Value<T>, act: (now: T) => void): () => void {
  act(value.get());
  return value.subscribe(() => act(value.get()));
}

/** Something that happens, without a value that stays. */
export class Happening<T> {
  private readonly listeners = new Set<(event: T) => void>();

  emit(event: T): void {
    for (const listener of [...this.listeners]) listener(event);
  }

  subscribe = (listener: (event: T) => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
}

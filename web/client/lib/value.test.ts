import { describe, expect, test } from "vitest";
import { Scope } from "./scope";
import { Cell, derive, within } from "./value";

describe("values", () => {
  test("a derived value is the same object until an input changes", () => {
    const source = new Cell(1);
    const derived = derive([source], (n) => ({ n }));
    const first = derived.get();
    expect(derived.get()).toBe(first);
    source.set(2);
    expect(derived.get()).toEqual({ n: 2 });
  });

  test("a listener hears changes and not repetitions", () => {
    const source = new Cell("a");
    const heard: string[] = [];
    const stop = source.subscribe(() => heard.push(source.get()));
    source.set("a");
    source.set("b");
    stop();
    source.set("c");
    expect(heard).toEqual(["b"]);
  });

  test("a value within another follows both", () => {
    const inner = new Cell(1);
    const outer = new Cell<Cell<number> | null>(null);
    const value = within(outer, (held) => held, 0);
    const heard: number[] = [];
    value.subscribe(() => heard.push(value.get()));
    outer.set(inner);
    inner.set(2);
    outer.set(null);
    inner.set(3);
    expect(heard).toEqual([1, 2, 0]);
  });
});

describe("scopes", () => {
  test("ending a scope ends everything in it once, newest first", () => {
    const ended: string[] = [];
    const scope = new Scope();
    scope.onEnd(() => ended.push("first"));
    scope.child().onEnd(() => ended.push("child"));
    scope.end();
    scope.end();
    scope.onEnd(() => ended.push("late"));
    expect(ended).toEqual(["child", "first", "late"]);
  });

  test("a child that ends early is forgotten by its parent", () => {
    let ends = 0;
    const scope = new Scope();
    const child = scope.child();
    child.onEnd(() => (ends += 1));
    child.end();
    scope.end();
    expect(ends).toBe(1);
  });
});

import { expect, test } from "vitest";
import { nextPath, ownerProblems } from "./account-form";

test.each([
  [null, "/"],
  ["/rooms/1", "/rooms/1"],
  ["//evil.example", "/"],
  ["https://evil.example", "/"],
  ["/\\evil.example", "/"],
])("after signing in with next=%j one goes to %s", (wanted, path) => {
  expect(nextPath(wanted)).toBe(path);
});

test("an account needs a name, an address and a password that is not short", () => {
  expect(Object.keys(ownerProblems({ name: " ", email: "x", password: "short" }))).toEqual(["name", "email", "password"]);
  expect(ownerProblems({ name: "Ann", email: "ann@example.org", password: "long enough words" })).toEqual({});
});

import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import globals from "globals";
import tseslint from "typescript-eslint";

/** Forbids imports that climb a floor, with the reason a reader needs. */
function floor(files, forbidden) {
  return {
    files,
    rules: {
      "no-restricted-imports": [
        "error",
        { patterns: forbidden.map(([regex, message]) => ({ regex, message })) },
      ],
    },
  };
}

const react = ["^(react|react-dom|react-router|@mantine/.*|@tanstack/.*)(/|$)", "no React on this floor: it must be testable and usable without it"];
const up = (name) => [`^(\\.\\./)+(src/)?${name}(/|$)`, `floors import downward only: app > features > state > api > lib, and ui on lib; ${name} is above`];
const otherFeature = ["^(\\.\\./[^./][^/]*/|(\\.\\./)+features/)", "a feature never imports another feature: what two need goes to state or ui"];

export default tseslint.config(
  { ignores: ["dist", "node_modules", "**/*.gen.ts", "e2e/**"] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  {
    files: ["**/*.{ts,tsx}"],
    rules: {
      "max-lines": ["error", { max: 400, skipBlankLines: true, skipComments: true }],
      "max-lines-per-function": ["error", { max: 160, skipBlankLines: true, skipComments: true }],
      "@typescript-eslint/no-non-null-assertion": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      eqeqeq: ["error", "smart"],
      "no-console": "error",
    },
  },
  { files: ["tools/**"], languageOptions: { globals: globals.node }, rules: { "no-console": "off" } },
  { files: ["**/*.test.{ts,tsx}", "**/tests/**"], rules: { "max-lines-per-function": "off" } },
  { files: ["src/**/*.{ts,tsx}"], plugins: { "react-hooks": hooks }, rules: { "react-hooks/rules-of-hooks": "error", "react-hooks/exhaustive-deps": "error" } },
  floor(["client/**/*.ts"], [react, ["^(\\.\\./)+src(/|$)", "the SDK stands alone: it imports nothing of the pages"]]),
  floor(["src/lib/**"], [react, up("app"), up("features"), up("state"), up("api"), up("ui")]),
  floor(["src/api/**"], [react, up("app"), up("features"), up("state"), up("ui")]),
  floor(["src/state/**"], [react, up("app"), up("features"), up("ui")]),
  floor(["src/ui/**"], [up("app"), up("features"), up("state"), up("api"), ["^@client(?!/lib/)", "ui knows no domain words"]]),
  floor(["src/features/*/*.{ts,tsx}"], [up("app"), otherFeature]),
);

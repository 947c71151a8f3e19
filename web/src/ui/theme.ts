// Colours and shapes. Every text colour here stands at 4.5:1 or more against what it lies on.

import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";

const teal: MantineColorsTuple = [
  "#e6f6f4",
  "#cbebe7",
  "#9adad2",
  "#67c6bb",
  "#3fb2a6",
  "#229a8e",
  "#128077",
  "#0b6e69",
  "#085753",
  "#053f3c",
];

export const theme = createTheme({
  colors: { teal },
  primaryColor: "teal",
  primaryShade: { light: 7, dark: 7 },
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
  headings: { fontWeight: "650" },
});

export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-body": "#ffffff",
    "--mantine-color-dimmed": "#565e66",
    "--mantine-color-placeholder": "#6a727a",
    "--mantine-color-error": "#c01f1f",
    "--mantine-color-anchor": "#0a625d",
  },
  dark: {
    "--mantine-color-body": "#15191c",
    "--mantine-color-text": "#e6eaec",
    "--mantine-color-dimmed": "#a3acb3",
    "--mantine-color-placeholder": "#8c969d",
    "--mantine-color-error": "#ff9191",
    "--mantine-color-anchor": "#6fd3c7",
  },
});

import { Center, Loader, Stack, Text } from "@mantine/core";

/** Something takes a moment. */
export function Waiting({ text }: { text: string }) {
  return (
    <Center mih="50vh" role="status">
      <Stack align="center">
        <Loader aria-hidden="true" />
        <Text>{text}</Text>
      </Stack>
    </Center>
  );
}

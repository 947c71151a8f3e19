import { Anchor, Table, Text } from "@mantine/core";
import type { RecordingFile } from "../../api/types";
import { bytesText } from "../../lib/format";
import classes from "./Session.module.css";

const SOURCE_WORDS: Record<string, string> = {
  camera: "camera",
  microphone: "microphone",
  screen: "screen",
  screen_audio: "sound of the screen",
};

/** Each participant's own files, and the manifest with every hash. */
export function FileTable({ files }: { files: readonly RecordingFile[] }) {
  const listed = files.filter(({ kind }) => kind === "composed" || kind === "track" || kind === "manifest");
  if (listed.length === 0) return null;
  const tapes = files.length - listed.length;
  return (
    <>
      <h3>Files</h3>
      <Table.ScrollContainer minWidth={300} type="native" tabIndex={0} role="region" aria-label="Files, table">
        <Table verticalSpacing="xs">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>File</Table.Th>
              <Table.Th>Size</Table.Th>
              <Table.Th>SHA-256</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {listed.map((file) => (
              <Table.Tr key={file.url} data-testid={file.kind === "composed" ? "composed-file" : `${file.kind}-file`}>
                <Table.Td>
                  <Anchor href={file.url} download>
                    {fileName(file)}
                  </Anchor>
                </Table.Td>
                <Table.Td className={classes.size}>{bytesText(file.bytes)}</Table.Td>
                <Table.Td>
                  <code className={classes.hash}>{file.sha256}</code>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {tapes > 0 && (
        <Text size="sm" c="dimmed">
          The manifest also lists {tapes} tape segments, the source of all these files.
        </Text>
      )}
    </>
  );
}

function fileName(file: RecordingFile): string {
  if (file.kind === "composed") return "Everyone together (MP4)";
  if (file.kind === "manifest") return "Manifest";
  const source = file.track?.split(":")[1] ?? "";
  return `${file.name ?? "Somebody"}, ${SOURCE_WORDS[source] ?? source}`;
}

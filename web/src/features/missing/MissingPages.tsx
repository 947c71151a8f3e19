import { Anchor, Button, Text } from "@mantine/core";
import { Link } from "react-router";
import { Page } from "../../ui/Page";

/** No page has this address. */
export function NotFoundPage() {
  return (
    <Page title="There is no such page" width="narrow" testId="not-found">
      <Text mb="lg">The address may be mistyped, or what was here is gone.</Text>
      <Button component={Link} to="/">
        Go to the start
      </Button>
    </Page>
  );
}

/** A fault in the page itself. */
export function BrokenPage() {
  return (
    <Page title="This page broke" width="narrow" testId="broken">
      <Text mb="lg">
        A fault in the page stopped it. Load it again; if you were in a meeting, you keep your place for a moment.
      </Text>
      <Button onClick={() => window.location.reload()}>Load again</Button>
      <Text mt="md">
        Or <Anchor href="/">go to the start</Anchor>.
      </Text>
    </Page>
  );
}

import { Button, PasswordInput, Stack, Text, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { useLocation, useNavigate } from "react-router";
import { problemText } from "../../api/problem";
import { Page } from "../../ui/Page";
import { Trouble } from "../../ui/Trouble";
import { useServices } from "../services";
import { LEAST_PASSWORD_LENGTH, ownerProblems } from "./account-form";

/** The first page of a new server: whoever holds the printed one-time link becomes the owner. */
export function SetupPage() {
  const { auth } = useServices();
  const navigate = useNavigate();
  const token = new URLSearchParams(useLocation().hash.slice(1)).get("token");
  const [owner, setOwner] = useState({ name: "", email: "", password: "" });
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const wrong = tried ? ownerProblems(owner) : {};
  const field = (name: keyof typeof owner) => ({
    value: owner[name],
    error: wrong[name],
    required: true,
    onChange: (event: { currentTarget: { value: string } }) => setOwner({ ...owner, [name]: event.currentTarget.value }),
    "data-testid": `setup-${name}`,
  });
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (token === null || Object.keys(ownerProblems(owner)).length > 0) return;
    setBusy(true);
    setFailure(null);
    try {
      await auth.setUp({ token, ...owner });
      await navigate("/", { replace: true });
    } catch (error) {
      setFailure(problemText(error));
      setBusy(false);
    }
  };
  if (token === null) {
    return (
      <Page title="Set up this server" width="narrow">
        <Trouble title="This address is not complete">
          Open the one-time link that the server printed in its terminal when it started. It ends in a long token.
        </Trouble>
      </Page>
    );
  }
  return (
    <Page title="Welcome to your server" width="narrow">
      <Text mb="lg">Make the owner account. You start meetings with it and decide about this server.</Text>
      <form onSubmit={(event) => void submit(event)} noValidate>
        <Stack>
          {failure !== null && <Trouble title="The account was not made">{failure}</Trouble>}
          <TextInput label="Your name" description="Others see it in meetings." autoComplete="name" {...field("name")} />
          <TextInput label="E-mail" type="email" autoComplete="username" description="You sign in with it." {...field("email")} />
          <PasswordInput
            label="Password"
            autoComplete="new-password"
            description={`At least ${LEAST_PASSWORD_LENGTH} characters; a few unrelated words are good.`}
            {...field("password")}
          />
          <Button type="submit" size="md" loading={busy} data-testid="setup-submit">
            Make the owner account
          </Button>
        </Stack>
      </form>
    </Page>
  );
}

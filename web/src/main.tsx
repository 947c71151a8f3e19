import "@mantine/core/styles.css";
import "./ui/ui.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { realServices } from "./app/services";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element called root");
const services = realServices();
void services.auth.start();
createRoot(root).render(
  <StrictMode>
    <App services={services} />
  </StrictMode>,
);

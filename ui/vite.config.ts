import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";
import packageJson from "./package.json" with { type: "json" };

/** The signaling server that the development server passes `/ws` on to. */
const server = process.env["VISAVIS_SERVER"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [svelte()],
  define: { __VISAVIS_VERSION__: JSON.stringify(packageJson.version) },
  build: {
    target: ["chrome123", "firefox128", "safari17.5"],
    // Everything in files of its own: the content security policy allows no data: scripts or workers.
    assetsInlineLimit: 0,
  },
  server: {
    proxy: { "/ws": { target: server, ws: true } },
  },
  test: {
    environment: "node",
    include: ["src/**/*.test.ts"],
  },
});

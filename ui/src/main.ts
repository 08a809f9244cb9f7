import "./styles/index.css";
import { mount } from "svelte";
import { App } from "./App.svelte";
import { createEngine } from "./engine/create";
import Root from "./Root.svelte";

const target = document.getElementById("app");
if (target === null) throw new Error("the page has no #app");

const app = await App.start(await createEngine());
if (app.options.probe) (await import("./probe")).expose(app.engine);
mount(Root, { target, props: { app } });

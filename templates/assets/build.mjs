// Builds what the browser loads: one stylesheet, one icon sprite, and the vendored scripts. Run by `make assets`.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const modules = join(root, "node_modules");
const out = join(root, "static");

function styles() {
  execFileSync(
    process.execPath,
    [
      join(modules, "@tailwindcss", "cli", "dist", "index.mjs"),
      "--input", join(root, "templates", "assets", "console.css"),
      "--output", join(out, "console", "console.css"),
      "--minify",
    ],
    { stdio: "inherit", cwd: root },
  );
}

// Every icon a template or a view names becomes one <symbol>; an icon that does not exist stops the build.
function icons() {
  const names = new Set(readFileSync(join(root, "templates", "assets", "icons.txt"), "utf8").split(/\s+/).filter(Boolean));
  const symbols = [...names].sort().map((name) => {
    const svg = readFileSync(join(modules, "lucide-static", "icons", `${name}.svg`), "utf8");
    const inner = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>")).replace(/\s+/g, " ").trim();
    return `<symbol id="${name}" viewBox="0 0 24 24">${inner}</symbol>`;
  });
  const licence = "<!-- Icons: Lucide, ISC licence, see vendor/LICENCES.txt -->";
  writeFileSync(
    join(out, "console", "icons.svg"),
    `${licence}\n<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`,
  );
}

function vendor() {
  const files = {
    "htmx.min.js": ["htmx.org", "dist", "htmx.min.js"],
    "idiomorph-ext.min.js": ["idiomorph", "dist", "idiomorph-ext.min.js"],
    "uplot.min.js": ["uplot", "dist", "uPlot.iife.min.js"],
    "uplot.min.css": ["uplot", "dist", "uPlot.min.css"],
  };
  mkdirSync(join(out, "vendor"), { recursive: true });
  for (const [name, path] of Object.entries(files)) copyFileSync(join(modules, ...path), join(out, "vendor", name));
  const used = ["htmx.org", "idiomorph", "uplot", "lucide-static", "daisyui", "tailwindcss"];
  const texts = used.map((name) => {
    const { version, license } = JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8"));
    const file = readdirSync(join(modules, name)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? readFileSync(join(modules, name, file), "utf8").trim() : "";
    return `${name} ${version} (${license})\n${"-".repeat(60)}\n${text}\n`;
  });
  writeFileSync(join(out, "vendor", "LICENCES.txt"), texts.join("\n\n"));
}

mkdirSync(join(out, "console"), { recursive: true });
icons();
vendor();
styles();

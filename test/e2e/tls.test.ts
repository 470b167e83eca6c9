import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { launchChromium } from "../helpers/browser.ts";
import { newCertificate, type TestCertificate, writeCertificate } from "../helpers/certificate.ts";
import { describeWith } from "../setup/suites.ts";
import { openPlayer, waitForState } from "./helpers/player.ts";
import { type ServerProcess, startServer } from "./helpers/server.ts";
import { keepPeerConnections, noticesNothing } from "./helpers/undisturbed.ts";

const SCRIPT = fileURLToPath(new URL("../../examples/robot-arm/robot_arm.py", import.meta.url));

describeWith(["chromium", "blender"], "a server of HTTPS", ({ chromium, blender }) => {
  let folder: string;
  let server: ServerProcess;
  let browser: Browser;
  let certificate: TestCertificate;
  let files: ReturnType<typeof writeCertificate>;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "rendercast-tls-"));
    certificate = await newCertificate();
    files = writeCertificate(folder, certificate);
    const tls = ["--tls-cert", files.certPath, "--tls-key", files.keyPath];
    server = await startServer(...tls, "--blender", blender, "--script", SCRIPT, "--size", "192x108");
    // The certificate is self-signed.
    browser = await launchChromium(chromium, "--ignore-certificate-errors");
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop();
    rmSync(folder, { recursive: true });
  });

  /** What it answers to who trusts this certificate alone. */
  function ask(ca: string) {
    return new Promise<{ status: number | undefined; fingerprint: string }>((resolve, reject) => {
      let fingerprint = "";
      const checkServerIdentity = (_name: string, { fingerprint256 }: { fingerprint256: string }) => {
        fingerprint = fingerprint256;
        return undefined;
      };
      const options = { ca, checkServerIdentity, agent: false };
      get(`${server.url}/streams/main`, options, (answer) => {
        answer.resume();
        resolve({ status: answer.statusCode, fingerprint });
      }).on("error", reject);
    });
  }

  test("prints an https address, and shows what its Blender renders", async () => {
    expect(server.url).toMatch(/^https:/);
    const page = await openPlayer(browser, server.url, keepPeerConnections);
    await waitForState(page, "live", 40_000);
    await noticesNothing(page);
    expect(await page.evaluate(() => isSecureContext)).toBe(true);
    expect(server.output()).not.toMatch(/refused|TLS connection/);
  });

  test("loads a renewed certificate while somebody watches, and keeps it if the next one is broken", async () => {
    const page = await openPlayer(browser, server.url, keepPeerConnections);
    await waitForState(page, "live");
    expect((await ask(certificate.cert)).status).toBe(200);
    const renewed = await newCertificate();
    writeCertificate(folder, renewed);
    const { fingerprint256 } = new X509Certificate(renewed.cert);
    await vi.waitFor(
      async () => expect(await ask(renewed.cert)).toEqual({ status: 200, fingerprint: fingerprint256 }),
      {
        timeout: 20_000,
      },
    );
    await expect(ask(certificate.cert)).rejects.toThrow();
    writeFileSync(files.certPath, "not a certificate");
    await vi.waitFor(
      () => expect(server.output()).toMatch(/new TLS certificate cannot be used; the old one stays/),
      {
        timeout: 20_000,
      },
    );
    expect((await ask(renewed.cert)).status).toBe(200);
    await noticesNothing(page);
  });
});

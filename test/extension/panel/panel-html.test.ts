import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { panelHtml } from "../../../extension/panel/panel-html";

const html = panelHtml({
  cspSource: "https://webview.example",
  nonce: "bm9uY2U=",
  scriptSrc: "https://webview.example/webview.js?a&b",
  styleSrc: "https://webview.example/webview.css",
  language: "zh-cn",
  title: 'Sana "<i>',
  texts: { "</script><script>alert(1)": "<!--" },
});

describe("the panel's page", () => {
  it("allows its own script, style and pictures, and nothing else", () => {
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(html)?.[1];
    assert.equal(
      policy,
      "default-src 'none'; script-src 'nonce-bm9uY2U='; style-src https://webview.example 'nonce-bm9uY2U='; " +
        "img-src https://webview.example data: blob:; connect-src https://webview.example",
    );
    assert.equal(html.match(/<script/g)?.length, 2, "the texts and the script, both with the nonce");
    assert.equal(html.match(/<script[^>]*nonce="bm9uY2U="/g)?.length, 2);
  });

  it("keeps texts that look like markup as texts", () => {
    const table = /id="texts"[^>]*>(.*?)<\/script>/s.exec(html)![1]!;
    assert.deepEqual(JSON.parse(table), { "</script><script>alert(1)": "<!--" });
    assert.match(html, /<title>Sana &quot;&lt;i><\/title>/);
    assert.match(html, /<html lang="zh-cn">/);
  });
});

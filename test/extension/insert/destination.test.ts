import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { destinationOf, isInside, linkPath, type DestinationRequest } from "../../../extension/insert/destination";

const NOTE: DestinationRequest = {
  documentPath: "/work/docs/deep/note.md",
  workspacePath: "/work",
  fileName: "fox.png",
  outputFolder: "",
  copyFilesDestination: {},
  matches: () => true,
};

function destination(changed: Partial<DestinationRequest>): string {
  return destinationOf({ ...NOTE, ...changed });
}

describe("the destination of a document's picture", () => {
  it("is beside the document where nothing is set", () => {
    assert.equal(destination({}), "/work/docs/deep/fox.png");
  });

  it("follows sana.outputFolder first", () => {
    const copyFilesDestination = { "**/*": "elsewhere/" };
    for (const [outputFolder, expected] of [
      ["images", "/work/docs/deep/images/fox.png"],
      [" ./images/ ", "/work/docs/deep/images/fox.png"],
      ["${fileDirname}/images", "/work/docs/deep/images/fox.png"],
      ["${workspaceFolder}/assets", "/work/assets/fox.png"],
      ["${fileBasenameNoExtension}.assets", "/work/docs/deep/note.assets/fox.png"],
      ["/pictures", "/pictures/fox.png"],
      ["C:\\Pictures\\Sana", "/c:/Pictures/Sana/fox.png"],
      ["..\\images", "/work/docs/images/fox.png"],
      ["${unknown}", "/work/docs/deep/${unknown}/fox.png"],
    ] as const) {
      assert.equal(destination({ outputFolder, copyFilesDestination }), expected, outputFolder);
    }
    assert.equal(
      destination({ outputFolder: "${workspaceFolder}/a", workspacePath: null }),
      "/work/docs/deep/a/fox.png",
    );
  });

  it("follows markdown.copyFiles.destination", () => {
    for (const [value, expected] of [
      ["images/", "/work/docs/deep/images/fox.png"],
      ["images/${fileName}", "/work/docs/deep/images/fox.png"],
      ["", "/work/docs/deep/fox.png"],
      ["/images/", "/work/images/fox.png"],
      ["/images/${documentBaseName}/${fileName}", "/work/images/note/fox.png"],
      ["${documentWorkspaceFolder}/${documentRelativeDirName}/x-${fileName}", "/work/docs/deep/x-fox.png"],
      ["${documentDirName}/${documentFileName}.d/pic.${fileExtName}", "/work/docs/deep/note.md.d/pic.png"],
      ["${documentBaseName/n(.*)/$1/}/", "/work/docs/deep/ote/fox.png"],
      ["${documentRelativeDirName/docs\\/(.*)/x\\/$1/}/", "/work/docs/deep/x/deep/fox.png"],
      ["${documentBaseName/(/x/}/", "/work/docs/deep/note/fox.png"],
      ["\\${fileName}/", "/work/docs/deep/${fileName}/fox.png"],
      ["${toString}/", "/work/docs/deep/${toString}/fox.png"],
    ] as const) {
      assert.equal(destination({ copyFilesDestination: { "**/*.md": value } }), expected, value);
    }
    assert.match(
      destination({ copyFilesDestination: { "*": "${unixTime}-${isoTime}.png" } }),
      /\/\d{13}-\d{4}-.*Z\.png$/,
    );
    assert.equal(
      destination({ copyFilesDestination: { "*": "/images/" }, workspacePath: null }),
      "/work/docs/deep/images/fox.png",
    );
  });

  it("takes the first glob that matches, at any depth unless it begins at the workspace", () => {
    const asked: string[] = [];
    const copyFilesDestination = { "/docs/*.md": "a/", "*.txt": "b/", "**/deep/*.md": "c/", "*.md": "d/" };
    const matches = (glob: string): boolean => {
      asked.push(glob);
      return glob === "**/deep/*.md";
    };
    assert.equal(destination({ copyFilesDestination, matches }), "/work/docs/deep/c/fox.png");
    assert.deepEqual(asked, ["/work/docs/*.md", "**/*.txt", "**/deep/*.md"]);
    assert.equal(destination({ copyFilesDestination: { "/x": "a/" }, workspacePath: null }), "/work/docs/deep/fox.png");
  });
});

describe("paths", () => {
  it("are inside a folder or not", () => {
    assert.ok(isInside("/work/a/x.png", "/work"));
    assert.ok(isInside("/work/..a/x.png", "/work"));
    assert.ok(isInside("/work", "/work"));
    for (const path of ["/work2/x.png", "/x.png", "/work/../x.png", "/"]) assert.ok(!isInside(path, "/work"), path);
  });

  it("lead from a document to a file", () => {
    assert.equal(linkPath("/work/docs/note.md", "/work/docs/fox.png"), "fox.png");
    assert.equal(linkPath("/work/docs/note.md", "/work/images/fox.png"), "../images/fox.png");
    assert.equal(linkPath("/c:/work/note.md", "/c:/work/a b/fox.png"), "a b/fox.png");
  });
});

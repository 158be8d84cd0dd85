import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { destinationOf, isInside, linkPath, type DestinationRequest } from "../../../extension/insert/destination";

const NOTE: DestinationRequest = {
  documentPath: "/project/docs/deep/note.md",
  workspacePath: "/project",
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
    assert.equal(destination({}), "/project/docs/deep/fox.png");
  });

  it("follows sana.outputFolder first", () => {
    const copyFilesDestination = { "**/*": "elsewhere/" };
    for (const [outputFolder, expected] of [
      ["images", "/project/docs/deep/images/fox.png"],
      [" ./images/ ", "/project/docs/deep/images/fox.png"],
      ["${fileDirname}/images", "/project/docs/deep/images/fox.png"],
      ["${workspaceFolder}/assets", "/project/assets/fox.png"],
      ["${fileBasenameNoExtension}.assets", "/project/docs/deep/note.assets/fox.png"],
      ["/pictures", "/pictures/fox.png"],
      ["C:\\Pictures\\Sana", "/c:/Pictures/Sana/fox.png"],
      ["..\\images", "/project/docs/images/fox.png"],
      ["${unknown}", "/project/docs/deep/${unknown}/fox.png"],
    ] as const) {
      assert.equal(destination({ outputFolder, copyFilesDestination }), expected, outputFolder);
    }
    assert.equal(
      destination({ outputFolder: "${workspaceFolder}/a", workspacePath: null }),
      "/project/docs/deep/a/fox.png",
    );
  });

  it("follows markdown.copyFiles.destination", () => {
    for (const [value, expected] of [
      ["images/", "/project/docs/deep/images/fox.png"],
      ["images/${fileName}", "/project/docs/deep/images/fox.png"],
      ["", "/project/docs/deep/fox.png"],
      ["/images/", "/project/images/fox.png"],
      ["/images/${documentBaseName}/${fileName}", "/project/images/note/fox.png"],
      ["${documentWorkspaceFolder}/${documentRelativeDirName}/x-${fileName}", "/project/docs/deep/x-fox.png"],
      ["${documentDirName}/${documentFileName}.d/pic.${fileExtName}", "/project/docs/deep/note.md.d/pic.png"],
      ["${documentBaseName/n(.*)/$1/}/", "/project/docs/deep/ote/fox.png"],
      ["${documentRelativeDirName/docs\\/(.*)/x\\/$1/}/", "/project/docs/deep/x/deep/fox.png"],
      ["${documentBaseName/(/x/}/", "/project/docs/deep/note/fox.png"],
      ["\\${fileName}/", "/project/docs/deep/${fileName}/fox.png"],
      ["${toString}/", "/project/docs/deep/${toString}/fox.png"],
    ] as const) {
      assert.equal(destination({ copyFilesDestination: { "**/*.md": value } }), expected, value);
    }
    assert.match(
      destination({ copyFilesDestination: { "*": "${unixTime}-${isoTime}.png" } }),
      /\/\d{13}-\d{4}-.*Z\.png$/,
    );
    assert.equal(
      destination({ copyFilesDestination: { "*": "/images/" }, workspacePath: null }),
      "/project/docs/deep/images/fox.png",
    );
  });

  it("takes the first glob that matches, at any depth unless it begins at the workspace", () => {
    const asked: string[] = [];
    const copyFilesDestination = { "/docs/*.md": "a/", "*.txt": "b/", "**/deep/*.md": "c/", "*.md": "d/" };
    const matches = (glob: string): boolean => {
      asked.push(glob);
      return glob === "**/deep/*.md";
    };
    assert.equal(destination({ copyFilesDestination, matches }), "/project/docs/deep/c/fox.png");
    assert.deepEqual(asked, ["/project/docs/*.md", "**/*.txt", "**/deep/*.md"]);
    assert.equal(
      destination({ copyFilesDestination: { "/x": "a/" }, workspacePath: null }),
      "/project/docs/deep/fox.png",
    );
  });
});

describe("paths", () => {
  it("are inside a folder or not", () => {
    assert.ok(isInside("/project/a/x.png", "/project"));
    assert.ok(isInside("/project/..a/x.png", "/project"));
    assert.ok(isInside("/project", "/project"));
    for (const path of ["/project2/x.png", "/x.png", "/project/../x.png", "/"])
      assert.ok(!isInside(path, "/project"), path);
  });

  it("lead from a document to a file", () => {
    assert.equal(linkPath("/project/docs/note.md", "/project/docs/fox.png"), "fox.png");
    assert.equal(linkPath("/project/docs/note.md", "/project/images/fox.png"), "../images/fox.png");
    assert.equal(linkPath("/c:/project/note.md", "/c:/project/a b/fox.png"), "a b/fox.png");
  });
});

/**
 * The controls of the panel; the one place that knows @vscode/webview-ui-toolkit. That package is archived: whatever
 * takes its place has to offer these functions. What the toolkit lacks (numbers, radio buttons) is the browser's own.
 */
import {
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodeCheckbox,
  vsCodeDropdown,
  vsCodeOption,
  vsCodeTextArea,
  vsCodeTextField,
  type Button,
  type Checkbox,
  type Dropdown,
  type TextArea,
  type TextField,
} from "@vscode/webview-ui-toolkit";
import { drawing, element } from "./dom";

provideVSCodeDesignSystem().register(
  vsCodeButton(),
  vsCodeCheckbox(),
  vsCodeDropdown(),
  vsCodeOption(),
  vsCodeTextArea(),
  vsCodeTextField(),
);

declare global {
  interface HTMLElementTagNameMap {
    "vscode-button": Button;
    "vscode-checkbox": Checkbox;
    "vscode-dropdown": Dropdown;
    "vscode-text-area": TextArea;
    "vscode-text-field": TextField;
  }
}

/** A control that shows a value and tells of the user's changes, never of `set`. */
export interface Control<Value> {
  readonly element: HTMLElement;
  set(value: Value): void;
}

/** Text of several lines, written in either direction. An input method's unfinished text is left alone. */
export function textArea(
  { label, placeholder, rows, maxLength }: { label: string; placeholder: string; rows: number; maxLength: number },
  onInput: (value: string) => void,
): Control<string> {
  const area = document.createElement("vscode-text-area");
  area.textContent = label;
  area.placeholder = placeholder;
  area.rows = rows;
  area.maxlength = maxLength;
  area.setAttribute("resize", "vertical");
  whenRendered(area, () => {
    area.control.dir = "auto";
  });
  area.addEventListener("input", () => {
    onInput(area.value);
  });
  return {
    element: area,
    set: (value) => {
      if (area.value !== value) area.value = value;
    },
  };
}

/** One line of text. */
export function textField({ label }: { label: string }, onInput: (value: string) => void): Control<string> {
  const field = document.createElement("vscode-text-field");
  field.textContent = label;
  field.addEventListener("input", () => {
    onInput(field.value);
  });
  return {
    element: field,
    set: (value) => {
      // What is being typed may be on its way to a value that is allowed.
      if (field.value !== value && document.activeElement !== field) field.value = value;
    },
  };
}

/** A number, or null for an empty field. A label that is not drawn is for screen readers. */
export function numberField(
  { label, labelDrawn = true, min, step }: { label: string; labelDrawn?: boolean; min: number; step: number | "any" },
  onInput: (value: number | null) => void,
): Control<number | null> & {
  /** The placeholder says what an empty field means. */
  limit(max: number, step: number | "any", placeholder: string): void;
  mark(invalid: boolean): void;
} {
  const attributes = { type: "number", min: String(min), step: String(step), inputmode: "decimal" };
  const input = element("input", { attributes });
  input.addEventListener("input", () => {
    const value = input.valueAsNumber;
    if (!input.validity.badInput && !input.validity.rangeUnderflow && !input.validity.rangeOverflow) {
      onInput(Number.isNaN(value) ? null : value);
    }
  });
  return {
    element: element(
      "label",
      { className: "field" },
      element("span", { className: labelDrawn ? "" : "unseen" }, label),
      input,
    ),
    set: (value) => {
      const shown = Number.isNaN(input.valueAsNumber) ? null : input.valueAsNumber;
      if (shown !== value && !(document.activeElement === input && input.validity.badInput)) {
        input.value = value === null ? "" : String(value);
      }
    },
    limit: (max, newStep, placeholder) => {
      input.max = String(max);
      input.step = String(newStep);
      input.placeholder = placeholder;
    },
    mark: (invalid) => {
      input.setAttribute("aria-invalid", String(invalid));
    },
  };
}

/** A choice of one; the value is "" for the first where that means none. */
export function dropdown(
  { label }: { label: string },
  onChange: (value: string) => void,
): Control<string> & { setOptions(options: readonly (readonly [value: string, text: string])[]): void } {
  const list = document.createElement("vscode-dropdown");
  list.setAttribute("aria-label", label);
  let known = "";
  let current = "";
  const show = (): void => {
    const index = [...list.children].findIndex((option) => option.getAttribute("value") === current);
    if (index >= 0 && list.selectedIndex !== index) list.selectedIndex = index;
  };
  list.addEventListener("change", () => {
    const value = list.children[list.selectedIndex]?.getAttribute("value") ?? "";
    if (value === current) return;
    current = value;
    onChange(value);
  });
  return {
    element: element(
      "div",
      { className: "field" },
      element("span", { attributes: { "aria-hidden": "true" } }, label),
      list,
    ),
    set: (value) => {
      current = value;
      whenRendered(list, show);
    },
    setOptions: (options) => {
      const key = JSON.stringify(options);
      if (key === known) return;
      known = key;
      list.replaceChildren(
        ...options.map(([value, text]) => {
          const option = document.createElement("vscode-option");
          option.setAttribute("value", value);
          option.textContent = text;
          return option;
        }),
      );
      whenRendered(list, show);
    },
  };
}

export function checkbox({ label }: { label: string }, onChange: (checked: boolean) => void): Control<boolean> {
  const box = document.createElement("vscode-checkbox");
  box.textContent = label;
  let current = false;
  box.addEventListener("change", () => {
    if (box.checked === current) return;
    current = box.checked;
    onChange(current);
  });
  return {
    element: box,
    set: (checked) => {
      current = checked;
      if (box.checked !== checked) box.checked = checked;
    },
  };
}

export function button(
  { label, kind = "secondary" }: { label: string; kind?: "primary" | "secondary" },
  onClick: () => void,
): HTMLElement {
  const result = document.createElement("vscode-button");
  result.appearance = kind;
  result.textContent = label;
  result.addEventListener("click", onClick);
  return result;
}

/** A button that shows a drawing of 16×16 only; its name is for the tooltip and for screen readers. */
export function iconButton({ label, icon }: { label: string; icon: string }, onClick: () => void): HTMLElement {
  const result = document.createElement("vscode-button");
  // Before the appearance, or the toolkit gives it a name of its own.
  result.setAttribute("aria-label", label);
  result.appearance = "icon";
  result.title = label;
  result.append(drawing(16, 16, icon));
  result.addEventListener("click", onClick);
  return result;
}

/** The toolkit's elements render themselves a moment after they are put into the page. */
function whenRendered(target: HTMLElement, action: () => void): void {
  requestAnimationFrame(() => {
    if (target.isConnected) action();
    else whenRendered(target, action);
  });
}

/** What charts draw with: a canvas on the page, SVG for download. Both know no more than this. */

export interface Stroke {
  color: string;
  width?: number;
  dash?: readonly number[];
  opacity?: number;
}

export interface Fill {
  color: string;
  opacity?: number;
}

export interface TextStyle {
  color: string;
  size?: number;
  align?: "left" | "center" | "right";
  baseline?: "top" | "middle" | "alphabetic";
  bold?: boolean;
}

export interface Pen {
  /** A path is begun, drawn with `move` and `line`, and then stroked or filled. */
  begin(): void;
  move(x: number, y: number): void;
  line(x: number, y: number): void;
  circle(x: number, y: number, radius: number): void;
  stroke(style: Stroke): void;
  fill(style: Fill): void;
  rect(x: number, y: number, width: number, height: number, style: Fill): void;
  text(text: string, x: number, y: number, style: TextStyle): void;
  /** A picture stretched into a rectangle, its pixels kept apart. */
  image(image: HTMLCanvasElement, x: number, y: number, width: number, height: number): void;
  /** What is drawn inside does not leave the rectangle. */
  clip(x: number, y: number, width: number, height: number, inside: () => void): void;
}

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';

export function font({ size = 11, bold = false }: Pick<TextStyle, "size" | "bold">): string {
  return `${bold ? "600 " : ""}${size}px ${FONT}`;
}

export class CanvasPen implements Pen {
  readonly #to: CanvasRenderingContext2D;

  constructor(to: CanvasRenderingContext2D) {
    this.#to = to;
    to.lineJoin = "round";
  }

  begin(): void {
    this.#to.beginPath();
  }

  move(x: number, y: number): void {
    this.#to.moveTo(x, y);
  }

  line(x: number, y: number): void {
    this.#to.lineTo(x, y);
  }

  circle(x: number, y: number, radius: number): void {
    this.#to.moveTo(x + radius, y);
    this.#to.arc(x, y, radius, 0, 2 * Math.PI);
  }

  stroke({ color, width = 1, dash = [], opacity = 1 }: Stroke): void {
    this.#to.strokeStyle = color;
    this.#to.lineWidth = width;
    this.#to.globalAlpha = opacity;
    this.#to.setLineDash([...dash]);
    this.#to.stroke();
    this.#to.globalAlpha = 1;
  }

  fill({ color, opacity = 1 }: Fill): void {
    this.#to.fillStyle = color;
    this.#to.globalAlpha = opacity;
    this.#to.fill();
    this.#to.globalAlpha = 1;
  }

  rect(x: number, y: number, width: number, height: number, { color, opacity = 1 }: Fill): void {
    this.#to.fillStyle = color;
    this.#to.globalAlpha = opacity;
    this.#to.fillRect(x, y, width, height);
    this.#to.globalAlpha = 1;
  }

  text(text: string, x: number, y: number, style: TextStyle): void {
    this.#to.font = font(style);
    this.#to.fillStyle = style.color;
    this.#to.textAlign = style.align ?? "left";
    this.#to.textBaseline = style.baseline ?? "alphabetic";
    this.#to.fillText(text, x, y);
  }

  image(image: HTMLCanvasElement, x: number, y: number, width: number, height: number): void {
    this.#to.imageSmoothingEnabled = false;
    this.#to.drawImage(image, x, y, width, height);
  }

  clip(x: number, y: number, width: number, height: number, inside: () => void): void {
    this.#to.save();
    this.#to.beginPath();
    this.#to.rect(x, y, width, height);
    this.#to.clip();
    inside();
    this.#to.restore();
  }
}

function short(x: number): string {
  return String(Math.round(x * 100) / 100);
}

/** Text inside of XML. */
export function escaped(text: string): string {
  const names: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[&<>"]/g, (c) => names[c] ?? c);
}

export class SvgPen implements Pen {
  #parts: string[] = [];
  #path: string[] = [];
  #clips = 0;

  begin(): void {
    this.#path = [];
  }

  move(x: number, y: number): void {
    this.#path.push(`M${short(x)} ${short(y)}`);
  }

  line(x: number, y: number): void {
    this.#path.push(`L${short(x)} ${short(y)}`);
  }

  circle(x: number, y: number, r: number): void {
    const arc = `a${short(r)} ${short(r)} 0 1 0`;
    this.#path.push(`M${short(x - r)} ${short(y)}${arc} ${short(2 * r)} 0${arc} ${short(-2 * r)} 0`);
  }

  stroke({ color, width = 1, dash = [], opacity = 1 }: Stroke): void {
    const dashes = dash.length ? ` stroke-dasharray="${dash.join(" ")}"` : "";
    this.#draw(`fill="none" stroke="${color}" stroke-width="${width}" stroke-opacity="${opacity}"${dashes}`);
  }

  fill({ color, opacity = 1 }: Fill): void {
    this.#draw(`fill="${color}" fill-opacity="${opacity}"`);
  }

  rect(x: number, y: number, width: number, height: number, { color, opacity = 1 }: Fill): void {
    const size = `x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}"`;
    this.#parts.push(`<rect ${size} fill="${color}" fill-opacity="${opacity}"/>`);
  }

  text(text: string, x: number, y: number, style: TextStyle): void {
    const anchor = { left: "start", center: "middle", right: "end" }[style.align ?? "left"];
    const dy = { top: "0.8em", middle: "0.35em", alphabetic: "0" }[style.baseline ?? "alphabetic"];
    const look = `font-size="${style.size ?? 11}" fill="${style.color}"${style.bold ? ' font-weight="600"' : ""}`;
    const at = `x="${short(x)}" y="${short(y)}" dy="${dy}" text-anchor="${anchor}"`;
    this.#parts.push(`<text ${at} ${look}>${escaped(text)}</text>`);
  }

  image(image: HTMLCanvasElement, x: number, y: number, width: number, height: number): void {
    const size = `x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}"`;
    const look = 'preserveAspectRatio="none" style="image-rendering:pixelated"';
    this.#parts.push(`<image ${size} ${look} href="${image.toDataURL()}"/>`);
  }

  clip(x: number, y: number, width: number, height: number, inside: () => void): void {
    this.#clips += 1;
    const size = `x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}"`;
    this.#parts.push(`<clipPath id="c${this.#clips}"><rect ${size}/></clipPath><g clip-path="url(#c${this.#clips})">`);
    inside();
    this.#parts.push("</g>");
  }

  /** The whole picture, as a file; `above` it there is more, at negative y. */
  file(width: number, height: number, above = 0): string {
    const root = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height + above}"`;
    const box = `viewBox="0 ${-above} ${width} ${height + above}"`;
    return `${root} ${box} font-family='${FONT}'>${this.#parts.join("\n")}</svg>\n`;
  }

  #draw(look: string): void {
    this.#parts.push(`<path d="${this.#path.join("")}" ${look}/>`);
  }
}

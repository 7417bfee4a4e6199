// What the page uses of React, in one file that a browser can import: see package.json.
export { createElement, useCallback, useEffect, useRef, useState } from "react";
export { createRoot } from "react-dom/client";

"""Cells that open windows of each toolkit, with the same names for the same things, so that one test asks all hosts.

`ticks` grows every 10 ms by the toolkit's own timer, `later(callback)` has the toolkit call it soon, `click()` presses
the button that `on_click(callback)` made, `dialog()` opens a modal dialog and blocks, `close()` closes the window and
`leave()` has the application quit.
"""

from __future__ import annotations

__all__ = ["WINDOWS"]

TK = """
import tkinter
window = tkinter.Tk()
ticks = []
def tick():
    global timer
    ticks.append(1)
    timer = window.after(10, tick)
tick()
def later(callback, milliseconds=1):
    window.after(milliseconds, callback)
def on_click(callback):
    global button
    button = tkinter.Button(window, command=callback)
    button.pack()
def click():
    window.after_idle(button.invoke)
def dialog():
    from tkinter import messagebox
    messagebox.showinfo("title", "text")
def close():
    window.after_cancel(timer)
    window.destroy()
def leave():
    window.after(1, window.quit)
def close_figures_later():
    import matplotlib.pyplot as plt
    window.after(100, lambda: plt.close("all"))
"""

QT = """
from PySide6 import QtCore, QtWidgets
window = button = QtWidgets.QPushButton("text")
window.show()
ticks = []
timer = QtCore.QTimer()
timer.timeout.connect(lambda: ticks.append(1))
timer.start(10)
def later(callback, milliseconds=1):
    QtCore.QTimer.singleShot(milliseconds, callback)
def on_click(callback):
    button.clicked.connect(callback)
def click():
    QtCore.QTimer.singleShot(0, button.click)
def dialog():
    QtWidgets.QMessageBox.information(None, "title", "text")
def close():
    timer.stop()
    window.close()
def leave():
    QtCore.QTimer.singleShot(1, QtWidgets.QApplication.quit)
def close_figures_later():
    import matplotlib.pyplot as plt
    QtCore.QTimer.singleShot(100, lambda: plt.close("all"))
"""

WINDOWS = {"tk": TK, "qt": QT}

"""Where the book lives, from one place: `repository-code` and `url` in CITATION.cff. Without them, no link is made up.

The directive `open-notebooks` lists the notebooks, each with links that open it elsewhere or, without an address, with
how to open it here. The theme's own launch buttons are not used: they would send the pages themselves to Colab, which
opens no MyST page.
"""

from pathlib import Path
from urllib.parse import quote

import nbformat
import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

COLAB = "https://colab.research.google.com/github"
BINDER = "https://mybinder.org/v2"
# The page of one run shows an executed copy of this notebook.
SHOWN = {"book/one-run": "notebooks/retrain.ipynb"}
IN_COLAB = """
In Colab they run as they stand: the cell after the parameters installs this project and what is missing of its
packages, and leaves TensorFlow, JAX and NumPy as they are. On Kaggle, import the notebook's file by its address.
"""
LOCALLY = "Open one on your machine, after `make book` or `make study` has installed everything:"
COMMAND = "\n```bash\n.venv/bin/jupyter lab {notebook}\n```\n"


def take_address(app, config) -> None:
    """Read the addresses and hand them to all who link."""
    cff = yaml.safe_load((Path(app.srcdir) / "CITATION.cff").read_text())
    repository = cff.get("repository-code", "").rstrip("/")
    config.smallbatch_repository = repository
    if cff.get("url"):
        config.html_baseurl = cff["url"].rstrip("/") + "/"
    if repository:
        config.html_theme_options |= {
            "repository_url": repository,
            "repository_branch": config.smallbatch_branch,
            "repository_provider": _provider(repository) or "github",
            "use_repository_button": True,
        }


def _provider(repository: str) -> str:
    return next((name for name in ("github", "gitlab") if f"://{name}.com/" in repository), "")


def source_of(config, path: str) -> str:
    """Return the address of a file in the repository, or an empty text where there is none."""
    repository, branch = config.smallbatch_repository, config.smallbatch_branch
    part = "-/blob" if _provider(repository) == "gitlab" else "blob"
    return f"{repository}/{part}/{branch}/{path}" if repository else ""


def launchers(config, path: str) -> dict[str, str]:
    """Return the addresses that open a notebook, by name of the service; empty without a repository."""
    repository, branch, provider = config.smallbatch_repository, config.smallbatch_branch, None
    if not repository:
        return {}
    provider, name = _provider(repository), repository.split("://", 1)[-1].partition("/")[2]
    place = {"github": f"gh/{name}", "gitlab": f"gl/{quote(name, safe='')}"}.get(
        provider, f"git/{quote(repository, safe='')}"
    )
    binder = {"Binder": f"{BINDER}/{place}/{branch}?urlpath=lab/tree/{path}"}
    return ({"Colab": f"{COLAB}/{name}/blob/{branch}/{path}"} if provider == "github" else {}) | binder


class OpenNotebooks(SphinxDirective):
    """Lists the notebooks and how to open each."""

    def run(self) -> list[nodes.Node]:
        """Return the list."""
        notebooks = sorted((Path(self.env.srcdir) / "notebooks").glob("*.ipynb"))
        lines = [self._item(path) for path in notebooks]
        repository = self.config.smallbatch_repository
        if "Colab" in launchers(self.config, ""):
            lines += IN_COLAB.splitlines()
        if not repository:
            shown = next(iter(SHOWN.values()))
            lines += ["", LOCALLY, *COMMAND.format(notebook=shown).splitlines()]
        holder = nodes.container()
        self.state.nested_parse(StringList(lines, source="open-notebooks"), 0, holder)
        return holder.children

    def _item(self, path: Path) -> str:
        self.env.note_dependency(str(path))
        title = nbformat.read(path, as_version=4).cells[0].source.splitlines()[0].lstrip("# ")
        place = path.relative_to(self.env.srcdir).as_posix()
        links = {f"open in {name}": address for name, address in launchers(self.config, place).items()}
        source = source_of(self.config, place)
        links |= {"source": source} if source else {}
        opened = " · ".join(f"[{name}]({address})" for name, address in links.items())
        return f"- **{title}**, `{place}`" + (f": {opened}" if opened else "")


def add_launch_buttons(app, pagename, templatename, context, doctree) -> None:
    """Put links that open the notebook into the header of a page that shows one."""
    links = launchers(app.config, SHOWN[pagename]) if pagename in SHOWN else {}
    if links and "header_buttons" in context:
        buttons = [
            {"type": "link", "text": name, "tooltip": f"Open the notebook in {name}", "url": address,
             "icon": "fas fa-rocket"}
            for name, address in links.items()
        ]  # fmt: skip
        group = {"type": "group", "tooltip": "Open this notebook elsewhere", "icon": "fas fa-rocket",
                 "buttons": buttons, "label": "launch-buttons"}  # fmt: skip
        context["header_buttons"].append(group)


def setup(app) -> dict:
    """Register the addresses and the directive."""
    app.add_config_value("smallbatch_repository", "", "env")
    app.add_config_value("smallbatch_branch", "main", "env")
    app.connect("config-inited", take_address)
    app.connect("html-page-context", add_launch_buttons, priority=900)
    app.add_directive("open-notebooks", OpenNotebooks)
    return {"version": "1", "parallel_read_safe": True}

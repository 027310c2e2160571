"""The simulated Breezeway API as an ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from breezeway_sync.sandbox import answers, auth_routes, paged_routes, plain_routes
from breezeway_sync.sandbox.answers import Answer
from breezeway_sync.sandbox.control import control_routes
from breezeway_sync.sandbox.options import Options
from breezeway_sync.sandbox.simulator import SEND_KEY, Call, Dropped, Handler, Sandbox, drop_connection
from breezeway_sync.sandbox.world import World

AUTH = "/public/auth/v1"
INVENTORY = "/public/inventory/v1"

#: In this order: fixed addresses before those with an id.
_READABLE: tuple[tuple[str, Handler], ...] = (
    ("/property", paged_routes.list_properties),
    ("/property/tags", plain_routes.tag_list("property_tags")),
    ("/property/external-id", plain_routes.property_by_reference),
    ("/property/external-id/{reference}/contacts", plain_routes.contacts_by_reference),
    ("/property/{id}", plain_routes.one("properties")),
    ("/property/{id}/tags", plain_routes.property_tags),
    ("/property/{id}/contacts", plain_routes.child_list("contacts")),
    ("/reservation", paged_routes.list_reservations),
    ("/reservation/tags", plain_routes.tag_list("reservation_tags")),
    ("/reservation/external-id", paged_routes.referenced_reservations),
    ("/reservation/external-id/{reference}", plain_routes.reservation_by_reference),
    ("/reservation/{id}", plain_routes.one("reservations")),
    ("/reservation/{id}/tasks", plain_routes.reservation_tasks),
    ("/task", paged_routes.list_tasks),
    ("/task/", paged_routes.list_tasks),
    ("/task/tags", plain_routes.tag_list("task_tags")),
    ("/task/{id}", plain_routes.one("tasks")),
    ("/task/{id}/comments", plain_routes.child_list("comments")),
    ("/task/{id}/requirements", plain_routes.child_list("requirements")),
    ("/task/{id}/tags", plain_routes.task_tags),
    ("/people", plain_routes.people),
    ("/people/{id}", plain_routes.one("people")),
    ("/companies", plain_routes.companies),
    ("/companies/subdepartments", plain_routes.subdepartments),
    ("/companies/templates", plain_routes.templates),
    ("/supplies", paged_routes.list_supplies),
)


class _SandboxApp(Starlette):
    """Keeps the server's own `send`, which the layers in between hide, for dropping connections."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[SEND_KEY] = send
        await super().__call__(scope, receive, send)


def create_app(world: World, options: Options | None = None) -> Starlette:
    """The application; its state is `app.state.sandbox`. Everything that writes is refused with 405."""
    sandbox = Sandbox(world, options or Options())
    routes = [
        Route(f"{AUTH}/", _endpoint(sandbox, "/auth/v1/", auth_routes.obtain, False), methods=["POST"]),
        Route(
            f"{AUTH}/refresh",
            _endpoint(sandbox, "/auth/v1/refresh", auth_routes.refresh, False),
            methods=["POST"],
        ),
        *(
            Route(f"{INVENTORY}{path}", _endpoint(sandbox, path.rstrip("/"), handler, True), methods=["GET"])
            for path, handler in _READABLE
        ),
        *control_routes(sandbox),
    ]
    app = _SandboxApp(routes=routes, exception_handlers={HTTPException: _refused_address})
    app.router.redirect_slashes = False
    app.state.sandbox = sandbox
    return app


def _endpoint(
    sandbox: Sandbox, template: str, handler: Handler, needs_token: bool
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            answer = await sandbox.serve(Call(sandbox, request, template), handler, needs_token=needs_token)
        except Dropped:
            if not drop_connection(request.scope.get(SEND_KEY)):
                raise sandbox.options.drop_error() from None
            # Until the server has seen the end of the connection, it would answer 500 for us.
            while (await request.receive())["type"] != "http.disconnect":
                pass
            return Response(status_code=500)
        return _response(answer)

    return endpoint


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, dict(answer.headers), answer.content_type)


async def _refused_address(_request: Request, error: Exception) -> Response:
    """Unknown addresses and methods, in the form of the API's own errors."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        return _response(answers.not_found("Address"))
    return _response(answers.as_json({"error": "method_not_allowed", "description": "Not allowed here"}, status))
